"""Who is calling and what they may do: tokens, credentials, hierarchy, restrictions, buckets (docs/kazoo/auth.md)."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AuthDoc:
    """The identity that a token or credentials prove. `claims` is empty for Basic credentials.

    `caller` is the caller's own identity, if the caller acts as another user (the claim `as`).
    """

    account_id: str
    owner_id: str | None = None
    method: str | None = None
    claims: dict[str, Any] = field(default_factory=dict, repr=False)
    caller: "AuthDoc | None" = None

    @classmethod
    def of_claims(cls, claims: dict[str, Any]) -> "AuthDoc":
        """The identity in a token's claims."""
        return cls(claims["account_id"], claims.get("owner_id"), claims.get("method"), claims)

    @property
    def identities(self) -> "tuple[AuthDoc, ...]":
        """This identity, and the caller's own if it is another one. Limits of both count."""
        return (self, self.caller) if self.caller else (self,)

    @property
    def original_account_id(self) -> str | None:
        """The account that impersonates this one; None without impersonation."""
        return self.claims.get("original_account_id")

    @property
    def original_owner_id(self) -> str | None:
        """The user who impersonates this one; None without impersonation."""
        return self.claims.get("original_owner_id")
