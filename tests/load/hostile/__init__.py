"""`make hostile`: what hostile clients do to this service, and how a normal client fares meanwhile.

`attacks.py` has the attacks, `clients.py` the connections that they are made of, `measure.py` what is measured,
`report.py` what is wished and the table, and `__main__.py` what happens when.
"""
