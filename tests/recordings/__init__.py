"""What a real Kazoo 4.3 answered, and the programs that ask the same of this service. See README.md."""
