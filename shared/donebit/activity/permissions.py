"""Permissions: what may be done with an object, a bit each, as file systems keep them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from donebit.activity.site import Site
from donebit.errors import Conflict, InvalidInput
from donebit.names import checked_name

MOST_PERMISSIONS = 64  # of a kind of objects: a bitmap of 8 bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """An object's permissions after a change, in the order of its kind, and how many were not so before."""

    permissions: list[str]
    changed: int


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A kind of objects: what its bits permit, the first name bit 0."""

    name: str
    permissions: Sequence[str]

    def bits(self, chosen: Iterable[str], field: str) -> list[int]:
        """Raises InvalidInput for a name that is none of this kind's."""
        places = {name: bit for bit, name in enumerate(self.permissions)}
        for name in chosen:
            if name not in places:
                raise InvalidInput(f"{field} has {name!r}; {self.rule}", field=field)
        return [places[name] for name in chosen]

    def named(self, bits: Iterable[int]) -> list[str]:
        """Without those that were named after the kind was looked at."""
        return [self.permissions[bit] for bit in bits if bit < len(self.permissions)]

    @property
    def rule(self) -> str:
        if not self.permissions:
            return f"objects of kind {self.name} have no permissions yet: name them first"
        return f"objects of kind {self.name} have the permissions {', '.join(self.permissions)}"


def get_kind(site: Site, kind: str) -> ObjectKind:
    """The kind of that name; one never named has no permissions. Raises InvalidInput for a bad name."""
    return ObjectKind(kind, site.store.permissions.names(checked_name(kind, "kind")))


def name(site: Site, kind: str, permissions: Sequence[str]) -> ObjectKind:
    """Say what the bits of a kind permit. Names can be added behind those there are, and never change.

    Raises:
        InvalidInput: there are too many names, one twice, or one that cannot be one.
        Conflict: the kind has other names, or in another order: their bits are set in objects.
    """
    checked_name(kind, "kind")
    for one in permissions:
        checked_name(one, "permissions")
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
    """Set and clear permissions of an object in one act.

    Raises:
        InvalidInput: a name is none of the kind's, or in both lists.
    """
    checked_name(thing, "object")
    on, off = kind.bits(grant, "grant"), kind.bits(revoke, "revoke")
    if both := set(grant) & set(revoke):
        raise InvalidInput(f"{min(both)} is both in grant and in revoke", field="revoke")
    changed, bits = site.store.permissions.change_permissions(kind.name, thing, on, off)
    return Changed(kind.named(bits), changed)


def replace(site: Site, kind: ObjectKind, thing: str, permissions: Sequence[str]) -> Changed:
    """Let an object have just these. Raises InvalidInput as `change` does."""
    kind.bits(permissions, "permissions")
    others = [one for one in kind.permissions if one not in permissions]
    return change(site, kind, thing, grant=permissions, revoke=others)


def permissions_of(site: Site, kind: ObjectKind, thing: str) -> list[str]:
    """The permissions that an object has, in the order of its kind."""
    return kind.named(site.store.permissions.permissions(kind.name, checked_name(thing, "object")))


def missing(held: Collection[str], kind: ObjectKind, all_of: Sequence[str]) -> list[str]:
    """Those of `all_of` that are not held. Raises InvalidInput for a name that is none of the kind's."""
    kind.bits(all_of, "all")
    return [one for one in all_of if one not in held]


def allowed(held: Collection[str], kind: ObjectKind, all_of: Sequence[str], any_of: Sequence[str]) -> bool:
    """Whether all of the first are held, and one of the second, where any are named."""
    kind.bits(any_of, "any")
    return not missing(held, kind, all_of) and (not any_of or any(one in held for one in any_of))


def drop(site: Site, kind: str, thing: str) -> bool:
    """Clear every permission of an object; whether it had any."""
    return site.store.permissions.drop(checked_name(kind, "kind"), checked_name(thing, "object"))
