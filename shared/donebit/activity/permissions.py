"""Permissions of objects, one bit each, as in a file system."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from donebit.activity.site import Site
from donebit.errors import Conflict, InvalidInput
from donebit.names import checked_name, stored_name

MOST_PERMISSIONS = 64  # of a kind of objects: a bitmap of 8 bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """An object's permissions after a change, in the order of its kind, and how many the change altered."""

    permissions: list[str]
    changed: int


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A kind of objects and the names of its permissions; the first name is that of bit 0."""

    name: str
    permissions: Sequence[str]

    def bits(self, chosen: Iterable[str], field: str) -> list[int]:
        """The bits of these permissions. Raises InvalidInput for a name that this kind does not have."""
        bit_of = {name: bit for bit, name in enumerate(self.permissions)}
        for name in chosen:
            if name not in bit_of:
                raise InvalidInput(f"{field} has {name!r}; {self.rule}", field=field)
        return [bit_of[name] for name in chosen]

    def named(self, bits: Iterable[int]) -> list[str]:
        """The names of these bits, without bits that were named after this kind was read."""
        return [self.permissions[bit] for bit in bits if bit < len(self.permissions)]

    @property
    def rule(self) -> str:
        """Which permissions there are, for error messages."""
        if not self.permissions:
            return f"objects of kind {self.name} have no permissions yet: name them first"
        return f"objects of kind {self.name} have the permissions {', '.join(self.permissions)}"


def get_kind(site: Site, kind: str) -> ObjectKind:
    """The kind of that name; an unknown one has no permissions. Raises InvalidInput for a bad name."""
    return ObjectKind(kind, site.store.permissions.names(checked_name(kind, "kind")))


def name(site: Site, kind: str, permissions: Sequence[str]) -> ObjectKind:
    """Name the permissions of a kind. Names can be added after the existing ones, and never change.

    Raises:
        InvalidInput: there are too many names, a name twice, or a name with characters not allowed.
        Conflict: the kind has other names or another order, and objects already use their bits.
    """
    checked_name(kind, "kind")
    for permission in permissions:
        checked_name(permission, "permissions")
    if len(set(permissions)) < len(permissions):
        raise InvalidInput("permissions has a name twice; each has a bit of its own", field="permissions")
    if not 1 <= len(permissions) <= MOST_PERMISSIONS:
        raise InvalidInput(
            f"permissions has {len(permissions)} names; it must have 1 to {MOST_PERMISSIONS}",
            field="permissions",
        )
    if not site.store.permissions.name_permissions(kind, permissions):
        held = ", ".join(get_kind(site, kind).permissions)
        raise Conflict(f"objects of kind {kind} have the permissions {held}: names can only be added")
    return ObjectKind(kind, permissions)


def change(
    site: Site, kind: ObjectKind, thing: str, *, grant: Sequence[str] = (), revoke: Sequence[str] = ()
) -> Changed:
    """Set and clear permissions of an object atomically.

    Raises:
        InvalidInput: the kind does not have a name, or a name is in both lists.
    """
    checked_name(thing, "object")
    on, off = kind.bits(grant, "grant"), kind.bits(revoke, "revoke")
    if both := set(grant) & set(revoke):
        raise InvalidInput(f"{min(both)} is both in grant and in revoke", field="revoke")
    changed, bits = site.store.permissions.change_permissions(kind.name, thing, on, off)
    return Changed(kind.named(bits), changed)


def replace(site: Site, kind: ObjectKind, thing: str, permissions: Sequence[str]) -> Changed:
    """Give an object exactly these permissions. Raises InvalidInput as `change` does."""
    kind.bits(permissions, "permissions")
    others = [permission for permission in kind.permissions if permission not in permissions]
    return change(site, kind, thing, grant=permissions, revoke=others)


def permissions_of(site: Site, kind: ObjectKind, thing: str) -> list[str]:
    """The permissions that an object has, in the order of its kind."""
    return kind.named(site.store.permissions.permissions(kind.name, checked_name(thing, "object")))


def missing(held: Collection[str], kind: ObjectKind, all_of: Sequence[str]) -> list[str]:
    """The permissions of `all_of` that are not in `held`. Raises InvalidInput for an unknown name."""
    kind.bits(all_of, "all")
    return [permission for permission in all_of if permission not in held]


def allowed(held: Collection[str], kind: ObjectKind, all_of: Sequence[str], any_of: Sequence[str]) -> bool:
    """Whether `held` has all of `all_of`, and at least one of `any_of` unless that is empty."""
    kind.bits(any_of, "any")
    has_any = not any_of or any(permission in held for permission in any_of)
    return has_any and not missing(held, kind, all_of)


def drop(site: Site, kind: str, thing: str) -> bool:
    """Clear every permission of an object. Returns whether it had any."""
    return site.store.permissions.drop(stored_name(kind, "kind"), stored_name(thing, "object"))
