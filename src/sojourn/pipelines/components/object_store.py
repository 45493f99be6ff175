"""object-store: documents that outlive executions and sessions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from sojourn.core.json import Json
from sojourn.pipelines.component import Example, Outcome, Params, View, component, doc
from sojourn.pipelines.effects import UseDocuments
from sojourn.pipelines.errors import StepFailed
from sojourn.pipelines.numbers import whole
from sojourn.pipelines.powers import DocumentOrder

#: The longest life of a document, in seconds: ten years.
MOST_SECONDS = 315_360_000


class Operation(StrEnum):
    """What is done with documents."""

    FIND_BY_ID = "FIND BY ID"
    FIND_BY_QUERY = "FIND BY QUERY"
    AGGREGATE = "AGGREGATE"
    INSERT = "INSERT"
    UPDATE_BY_ID = "UPDATE BY ID"
    UPDATE_BY_QUERY = "UPDATE BY QUERY"
    DELETE_BY_ID = "DELETE BY ID"
    DELETE_BY_QUERY = "DELETE BY QUERY"

    @classmethod
    def _missing_(cls, value: object) -> Operation | None:
        """Also ``find by id``, ``FIND_BY_ID``, ``Find By Id`` …"""
        word = " ".join(str(value).upper().replace("_", " ").replace("-", " ").split())
        return next((operation for operation in cls if operation.value == word), None)

    @property
    def act(self) -> Literal["FIND", "AGGREGATE", "INSERT", "UPDATE", "DELETE"]:
        """What it does, whichever documents are meant."""
        word: Any = self.value.partition(" ")[0]
        return word  # type: ignore[no-any-return] # the values above begin with nothing else


class ObjectStore(Params, frozen=True):
    """Parameters of ``object-store``."""

    operation: Annotated[
        Operation,
        doc(
            "FIND BY ID and FIND BY QUERY give documents, AGGREGATE what is calculated from them; INSERT stores one or several, UPDATE and DELETE BY ID or BY QUERY "
            "change and remove them. In any case."
        ),
    ]
    name: Annotated[
        str, doc("Name of the object store of this realm; it is made at the first INSERT.", template="text")
    ]
    object_id: Annotated[
        str, doc("Id of the document. An INSERT without one gives the document a random id.", template="text")
    ] = ""
    query: Annotated[
        Any,
        doc(
            "Which documents: `{field: value}` and the operators below; `{}` is all. AGGREGATE: the list of stages.",
            template="json",
        ),
    ] = None
    document: Annotated[
        Any,
        doc(
            "INSERT: the document, or a list of them. UPDATE: operators such as `$set`, or the document that takes the place.",
            template="json",
        ),
    ] = None
    limit: Annotated[Any, doc("FIND: how many documents at most; 0 is all.", template="json")] = 0
    skip: Annotated[Any, doc("FIND: how many to leave out before.", template="json")] = 0
    sort: Annotated[
        Any, doc("FIND: `{field: 1}` ascending, `{field: -1}` descending; else as they were stored.", template="json")
    ] = None
    unique: Annotated[
        bool,
        doc("Whether an id stands for one document only; fixed when the store is made. Several at once need false."),
    ] = True
    isolated: Annotated[bool, doc("Whether only this execution sees the documents; they go an hour later.")] = False
    upsert: Annotated[
        bool, doc("INSERT replaces the document with this id; UPDATE makes a document where none is meant.")
    ] = False
    expire_after_seconds: Annotated[
        Any, doc("INSERT and UPDATE: the documents go after so many seconds; 0 is never.", template="json")
    ] = 0
    fail_on_error: Annotated[bool, doc("Whether an error ends the flow; else it becomes the message.")] = False


EXAMPLES = (
    Example(
        "keep a document under its own id",
        params={
            "operation": "INSERT",
            "name": "orders",
            "objectId": "{{ message.id }}",
            "document": {"total": "{{ message.total }}"},
        },
        message={"id": "A-1", "total": 10},
        want={"data": [{"_oId": "A-1"}], "updateCount": 1},
        effects=(
            UseDocuments(DocumentOrder(operation="INSERT", store="orders", object_id="A-1", document={"total": 10})),
        ),
    ),
    Example(
        "find documents by what is in them",
        params={
            "operation": "FIND BY QUERY",
            "name": "orders",
            "query": {"total": {"$gte": "{{ message.least }}"}},
            "sort": {"total": -1},
            "skip": 1,
            "limit": 2,
        },
        message={"least": 10},
        want={"data": [{"total": 10, "_oId": "A-1"}], "rowCount": 1},
        effects=(
            UseDocuments(
                DocumentOrder(
                    operation="FIND", store="orders", query={"total": {"$gte": 10}}, sort={"total": -1}, skip=1, limit=2
                )
            ),
        ),
    ),
    Example(
        "calculate from documents",
        params={
            "operation": "AGGREGATE",
            "name": "orders",
            "query": [{"$group": {"_id": "$city", "sum": {"$sum": "$total"}}}],
        },
        message={},
        want={"data": [{"_id": "Recife", "sum": 30}], "rowCount": 1},
        effects=(
            UseDocuments(
                DocumentOrder(
                    operation="AGGREGATE",
                    store="orders",
                    query=[{"$group": {"_id": "$city", "sum": {"$sum": "$total"}}}],
                )
            ),
        ),
    ),
    Example(
        "change a document in place, so that no change of another execution is lost",
        params={
            "operation": "UPDATE BY ID",
            "name": "stock",
            "objectId": "sku-1",
            "document": {"$inc": {"left": -1}},
            "upsert": True,
            "expireAfterSeconds": 60,
        },
        message={},
        want={"data": [], "updateCount": 1},
        effects=(
            UseDocuments(
                DocumentOrder(
                    operation="UPDATE",
                    store="stock",
                    object_id="sku-1",
                    document={"$inc": {"left": -1}},
                    upsert=True,
                    expires_in=60_000,
                )
            ),
        ),
    ),
    Example(
        "several documents at once, for this execution only",
        params={
            "operation": "INSERT",
            "name": "lines",
            "document": "{{ message.lines }}",
            "unique": False,
            "isolated": True,
        },
        message={"lines": [{"sku": "a"}, {"sku": "b"}]},
        want={"data": [{"_oId": "1"}, {"_oId": "2"}], "updateCount": 2},
        effects=(
            UseDocuments(
                DocumentOrder(
                    operation="INSERT",
                    store="lines",
                    document=[{"sku": "a"}, {"sku": "b"}],
                    unique=False,
                    isolated=True,
                )
            ),
        ),
    ),
    Example(
        "by id, but without one",
        params={"operation": "DELETE BY ID", "name": "stock", "failOnError": True},
        message={},
        error="pipeline.step_failed",
    ),
)


@component("object-store", since="0.1", examples=EXAMPLES)
def object_store(p: ObjectStore, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """Find, store, change and remove JSON documents of the realm; the answer takes the place of the message.

    FIND and AGGREGATE answer `{data: […], rowCount}`, each document with its id in `_oId`; INSERT `{data: [{_oId}, …], updateCount}`;
    UPDATE and DELETE `{data: [], updateCount}`, the number of documents that are different now: of two executions that make
    the same change at once, one gets 0. Each step is one transaction, with its rows in the change log under the user and
    the `trackingId` of the execution, so that `sojourn changes undo` takes it back.

    A query is `{field: value}`; `a.b` leads into objects, and into each object of an array. Operators: `$eq $ne $gt $gte
    $lt $lte $in $nin $exists $type $mod $regex` (with `$options`), `$all $size $elemMatch` for arrays, and `$and $or $nor
    $not`. A change is a document or the operators `$set $unset $inc $mul $min $max $rename $currentDate $push $addToSet
    $pull $pop`. Stages are `$match $sort $skip $limit $count $unwind $project $group` (with `$sum $avg $min $max $first $last
    $push $addToSet`). A document has at most 1 MB, a result 10,000 documents and 16 MB, a query looks at no more than 100,000.

    What comes from outside is compared by `{field: {"$eq": "{{ message.body.field }}"}}`: `$eq` takes any value for what it
    is, while `{field: "{{ message.body.field }}"}` takes `{"$ne": null}` for a condition, which fits all documents.

    Object stores are for what is kept for a while beside the systems that own the data; what is secret does not belong there.
    """
    by_id, by_query = p.operation.value.endswith("BY ID"), p.operation.value.endswith("BY QUERY")
    if by_id and not p.object_id:
        raise StepFailed("objectId is empty", 422)
    if by_query and p.operation.act in ("UPDATE", "DELETE") and not isinstance(p.query, dict):
        # A template that found nothing is null: it must not mean every document.
        raise StepFailed("query is no object; {} stands for all documents", 422)
    order = DocumentOrder(
        operation=p.operation.act,
        store=p.name,
        object_id="" if by_query else p.object_id,
        query=p.query if by_query or p.operation is Operation.AGGREGATE else None,
        document=p.document,
        limit=_count(p.limit, "limit"),
        skip=_count(p.skip, "skip"),
        sort=p.sort,
        unique=p.unique,
        upsert=p.upsert,
        isolated=p.isolated,
        expires_in=1_000 * _count(p.expire_after_seconds, "expireAfterSeconds"),
    )
    return Outcome(message, (UseDocuments(order),))


def _count(value: Json, name: str) -> int:
    """``value`` as a number from 0; raises :class:`StepFailed`."""
    number = whole(value, name)
    if not 0 <= number <= MOST_SECONDS:
        raise StepFailed(f"{name} is a whole number from 0 to {MOST_SECONDS}", 422)
    return number
