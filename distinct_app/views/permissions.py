"""The routes of permissions: what may be done with an object."""

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
)
from donebit.activity import permissions
from donebit.activity.permissions import Changed
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer


def add(routes: APIBlueprint, site: Site) -> None:
    """The routes of kinds, of objects, and of one permission."""
    add_kinds(routes, site)
    add_objects(routes, site)
    add_changes(routes, site)
    add_one(routes, site)


def add_kinds(routes: APIBlueprint, site: Site) -> None:
    @routes.put("/permissions/<kind>", responses={200: KindAnswer})
    def name_permissions(path: KindPath, body: NamesBody) -> Reply:
        """Say what the bits of this kind of objects permit. Names can be added, and never change."""
        kind = permissions.name(site, path.kind, body.permissions)
        return answer(KindAnswer(kind=kind.name, permissions=list(kind.permissions)))

    @routes.get("/permissions/<kind>", responses={200: KindAnswer})
    def named_permissions(path: KindPath) -> Reply:
        """What the bits of this kind of objects permit."""
        kind = permissions.get_kind(site, path.kind)
        return answer(KindAnswer(kind=kind.name, permissions=list(kind.permissions)))


def add_objects(routes: APIBlueprint, site: Site) -> None:
    @routes.get("/permissions/<kind>/<object>", responses={200: AllowedAnswer})
    def object_permissions(path: ObjectPath, query: AllowedQuery) -> Reply:
        """The permissions that an object has; also whether all of some, and any of some."""
        return allowed_answer(site, path, permissions_answer(query.all), permissions_answer(query.any))

    @routes.delete("/permissions/<kind>/<object>", responses={200: DroppedObject})
    def drop_permissions(path: ObjectPath) -> Reply:
        """Let an object have no permission at all."""
        dropped = permissions.drop(site, path.kind, path.object)
        return answer(DroppedObject(kind=path.kind, object=path.object, dropped=dropped))


def add_changes(routes: APIBlueprint, site: Site) -> None:
    @routes.put("/permissions/<kind>/<object>", responses={200: ChangedAnswer})
    def replace_permissions(path: ObjectPath, body: ReplaceBody) -> Reply:
        """Let an object have just these permissions."""
        kind = permissions.get_kind(site, path.kind)
        return changed_answer(path, permissions.replace(site, kind, path.object, body.permissions))

    @routes.post("/permissions/<kind>/<object>", responses={200: ChangedAnswer})
    def change_permissions(path: ObjectPath, body: ChangeBody) -> Reply:
        """Set some permissions of an object and clear others, in one act."""
        kind = permissions.get_kind(site, path.kind)
        made = permissions.change(site, kind, path.object, grant=body.grant, revoke=body.revoke)
        return changed_answer(path, made)


def add_one(routes: APIBlueprint, site: Site) -> None:
    @routes.get("/permissions/<kind>/<object>/<permission>", responses={200: AllowedAnswer})
    def test_permission(path: PermissionPath) -> Reply:
        """Whether an object has one permission."""
        return allowed_answer(site, path, [path.permission], [])

    @routes.put("/permissions/<kind>/<object>/<permission>", responses={200: ChangedAnswer})
    def grant_permission(path: PermissionPath) -> Reply:
        """Set one permission of an object."""
        kind = permissions.get_kind(site, path.kind)
        return changed_answer(path, permissions.change(site, kind, path.object, grant=[path.permission]))

    @routes.delete("/permissions/<kind>/<object>/<permission>", responses={200: ChangedAnswer})
    def revoke_permission(path: PermissionPath) -> Reply:
        """Clear one permission of an object."""
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


def changed_answer(path: ObjectPath, made: Changed) -> Reply:
    return answer(
        ChangedAnswer(kind=path.kind, object=path.object, permissions=made.permissions, changed=made.changed)
    )


def permissions_answer(names: str | None) -> list[str]:
    return names.split(",") if names else []
