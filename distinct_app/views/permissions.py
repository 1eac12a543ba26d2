"""The routes of objects' permissions."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint

from distinct_app.models.permissions import (
    AllowedAnswer,
    AllowedQuery,
    ChangeBody,
    ChangedAnswer,
    DroppedObject,
    KindAnswer,
    KindPath,
    NamesBody,
    ObjectPath,
    PermissionPath,
    ReplaceBody,
    StoredObjectPath,
)
from donebit.activity import permissions
from donebit.activity.permissions import Changed
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of kinds, of objects, and of single permissions."""
    add_kinds(routes, site)
    add_objects(routes, site)
    add_changes(routes, site)
    add_one(routes, site)


def add_kinds(routes: APIBlueprint, site: Site) -> None:
    @routes.put("/permissions/<kind>", responses={200: KindAnswer})
    def name_permissions(path: KindPath, body: NamesBody) -> Reply:
        """Name the permissions of a kind of objects. Names can be added and never change."""
        kind = permissions.name(site, path.kind, body.permissions)
        return answer(KindAnswer(kind=kind.name, permissions=list(kind.permissions)))

    @routes.get("/permissions/<kind>", responses={200: KindAnswer})
    def named_permissions(path: KindPath) -> Reply:
        """List the permissions of a kind of objects."""
        kind = permissions.get_kind(site, path.kind)
        return answer(KindAnswer(kind=kind.name, permissions=list(kind.permissions)))


def add_objects(routes: APIBlueprint, site: Site) -> None:
    @routes.get("/permissions/<kind>/<object>", responses={200: AllowedAnswer})
    def object_permissions(path: ObjectPath, query: AllowedQuery) -> Reply:
        """List an object's permissions, and check whether it has all or any of some."""
        return allowed_answer(site, path, listed(query.all), listed(query.any))

    @routes.delete("/permissions/<kind>/<object>", responses={200: DroppedObject})
    def drop_permissions(path: StoredObjectPath) -> Reply:
        """Clear all permissions of an object."""
        dropped = permissions.drop(site, path.kind, path.object)
        return answer(DroppedObject(kind=path.kind, object=path.object, dropped=dropped))


def add_changes(routes: APIBlueprint, site: Site) -> None:
    @routes.put("/permissions/<kind>/<object>", responses={200: ChangedAnswer})
    def replace_permissions(path: ObjectPath, body: ReplaceBody) -> Reply:
        """Replace an object's permissions."""
        kind = permissions.get_kind(site, path.kind)
        return changed_answer(path, permissions.replace(site, kind, path.object, body.permissions))

    @routes.post("/permissions/<kind>/<object>", responses={200: ChangedAnswer})
    def change_permissions(path: ObjectPath, body: ChangeBody) -> Reply:
        """Grant some permissions of an object and revoke others, atomically."""
        kind = permissions.get_kind(site, path.kind)
        changed = permissions.change(site, kind, path.object, grant=body.grant, revoke=body.revoke)
        return changed_answer(path, changed)


def add_one(routes: APIBlueprint, site: Site) -> None:
    @routes.get("/permissions/<kind>/<object>/<permission>", responses={200: AllowedAnswer})
    def test_permission(path: PermissionPath) -> Reply:
        """Check whether an object has a permission."""
        return allowed_answer(site, path, [path.permission], [])

    @routes.put("/permissions/<kind>/<object>/<permission>", responses={200: ChangedAnswer})
    def grant_permission(path: PermissionPath) -> Reply:
        """Grant one permission of an object."""
        kind = permissions.get_kind(site, path.kind)
        return changed_answer(path, permissions.change(site, kind, path.object, grant=[path.permission]))

    @routes.delete("/permissions/<kind>/<object>/<permission>", responses={200: ChangedAnswer})
    def revoke_permission(path: PermissionPath) -> Reply:
        """Revoke one permission of an object."""
        kind = permissions.get_kind(site, path.kind)
        return changed_answer(path, permissions.change(site, kind, path.object, revoke=[path.permission]))


def allowed_answer(site: Site, path: ObjectPath, all_of: list[str], any_of: list[str]) -> Reply:
    kind = permissions.get_kind(site, path.kind)
    held = permissions.permissions_of(site, kind, path.object)
    allowed = permissions.allowed(held, kind, all_of, any_of)
    return answer(
        AllowedAnswer(
            kind=path.kind,
            object=path.object,
            permissions=held,
            allowed=allowed if all_of or any_of else None,
            missing=permissions.missing(held, kind, all_of),
        )
    )


def changed_answer(path: ObjectPath, changed: Changed) -> Reply:
    return answer(
        ChangedAnswer(
            kind=path.kind, object=path.object, permissions=changed.permissions, changed=changed.changed
        )
    )


def listed(names: str | None) -> list[str]:
    return list(dict.fromkeys(names.split(","))) if names else []  # each once
