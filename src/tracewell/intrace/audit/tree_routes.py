"""`/v1/audit/tree-head`, `/consistency`, `/leaves` and `/{request_id}/inclusion`."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from tracewell.intrace import errors
from tracewell.intrace.audit.parameters import RequestId, is_request_id
from tracewell.intrace.audit.tree import AuditTree
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer, as_response
from tracewell.kernel.http.endpoint import Access, Endpoint

_ACCESS = Access(scopes=frozenset({"audit:read"}))
_SIZE_MAX = (1 << 63) - 1
LEAVES_MAX = 10_000

Hash = Annotated[str, Field(description="SHA-256, base64.", pattern="^[A-Za-z0-9+/]{43}=$")]
OldSize = Annotated[
    int, Query(ge=0, le=_SIZE_MAX, description="Leaves of the tree that you know already.")
]
Size = Annotated[
    int | None,
    Query(ge=0, le=_SIZE_MAX, description="Leaves of the later tree; without it, as it is now."),
]
First = Annotated[int, Query(ge=0, le=_SIZE_MAX, description="The first leaf, counted from 0.")]
LeafLimit = Annotated[int, Query(ge=1, le=LEAVES_MAX, description="Leaves of a page.")]


class TreeHeadModel(BaseModel):
    """A signed head of the log's Merkle tree (RFC 9162 hashing)."""

    origin: str
    tree_size: int = Field(ge=0, description="Leaves: records, completions and purges.")
    root_hash: Hash
    checkpoint: str = Field(
        description="The head as a signed note, https://c2sp.org/tlog-checkpoint: keep it outside."
    )
    key_id: str
    signed_at: str = Field(json_schema_extra={"format": "date-time"})


class LeafProofModel(BaseModel):
    """That the head covers a leaf."""

    leaf_index: int = Field(ge=0)
    leaf_hash: Hash
    entry: dict[str, Any] | None = Field(
        description="What the leaf hashes, in canonical JSON (RFC 8785); null once it was purged."
    )
    hashes: list[Hash] = Field(description="From the leaf to the root.")
    proof: str = Field(description="The same as a text, https://c2sp.org/tlog-proof.")


class InclusionModel(BaseModel):
    """That a head covers a request's record, and its completion once there is one."""

    request_id: str
    tree_head: TreeHeadModel
    record: LeafProofModel
    completion: LeafProofModel | None = Field(
        description="Its entry holds the hash of the report, or the code of a failure."
    )


class ConsistencyModel(BaseModel):
    """That the tree of `size` leaves begins with the tree of `old_size` leaves."""

    old_size: int
    size: int
    hashes: list[Hash]
    tree_head: TreeHeadModel = Field(description="The newest head; its size is `size` or more.")


class LeavesModel(BaseModel):
    """Hashes of leaves, for whoever keeps them outside."""

    first: int
    tree_size: int
    leaf_hashes: list[Hash]


class AuditTreeRoutes:
    """The routes over the tree of one log."""

    def __init__(self, tree: AuditTree) -> None:
        self._tree = tree

    async def get_tree_head(self, request: Request) -> Response:
        """The head of the log's tree, signed anew when the log has grown."""
        return _answer((await self._tree.head()).to_wire())

    async def get_consistency(
        self, request: Request, old_size: OldSize, size: Size = None
    ) -> Response:
        """A proof that the log only grew: verify it against the two heads of these sizes.

        `not_found`: the log was never that large, or the older size is the larger one.
        """
        return _answer((await self._tree.consistency(old_size, size)).to_wire())

    async def list_leaves(
        self, request: Request, first: First = 0, limit: LeafLimit = 1000
    ) -> Response:
        """The hashes of the log's leaves. They tell nothing of the records, and cannot be undone:
        whoever keeps them can later name the very record that was changed."""
        return _answer((await self._tree.list_leaves(first, limit)).to_wire())

    async def get_inclusion(self, request: Request, request_id: RequestId) -> Response:
        """A proof that the log holds the record of a request, and what became of it."""
        if not is_request_id(request_id):
            raise ApiError(errors.NOT_FOUND)
        return _answer((await self._tree.inclusion(request_id)).to_wire())


def _answer(wire: dict[str, Any]) -> Response:
    return as_response(Answer(200, orjson.dumps(wire)))


def audit_tree_endpoints(tree: AuditTree) -> tuple[Endpoint, ...]:
    """The endpoints of this feature."""
    routes = AuditTreeRoutes(tree)
    signs = (errors.SIGNING_FAILED,)
    return (
        Endpoint("GET", "/v1/audit/tree-head", routes.get_tree_head, _ACCESS,
                 "Get the audit log's signed tree head", TreeHeadModel, "audit", errors=signs),
        Endpoint("GET", "/v1/audit/consistency", routes.get_consistency, _ACCESS,
                 "Prove that the audit log only grew", ConsistencyModel, "audit",
                 errors=(errors.FIELD_REQUIRED, *signs)),
        Endpoint("GET", "/v1/audit/leaves", routes.list_leaves, _ACCESS,
                 "List hashes of the audit log's leaves", LeavesModel, "audit"),
        Endpoint("GET", "/v1/audit/{request_id}/inclusion", routes.get_inclusion, _ACCESS,
                 "Prove that the audit log holds a record", InclusionModel, "audit", errors=signs),
    )  # fmt: skip
