"""Trace, 400, 404, 405, 413, 415, 422, 431: what cannot be read, found or validated."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.conformance.seeds import BODIES
from tests.conformance.shapes import check_body, check_nested, check_validation
from tests.conformance.table import proves
from tests.conformance.world import World

JSON = {"Content-Type": "application/json"}
BODY_BYTES_MAX = 1 << 20
_TREE = {
    "registry_version": 1,
    "root": {"field": "technology", "operator": "any_of", "value": ["nginx"]},
}


def _new_list(world: World) -> str:
    made = world.user.post("/v1/lists", json={"name": "Ours"})
    return f"/v1/lists/{made.json()['list_id']}"


@proves("trace", 404, "company_not_found", "no company matches the identifier")
@pytest.mark.parametrize("query", ["", "?x=1"], ids=["at-the-gate", "by-the-route"])
def test_a_company_that_nobody_knows_is_not_found(world: World, query: str) -> None:
    answer = world.user.get(f"/v1/companies/not-a-real-domain.example{query}")
    check_body(answer, 404, BODIES["company_not_found"])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no-such-slug", "no-such-slug"),
        ("M%C3%BCnchen.example", "München.example"),
        ("a%22b.example", 'a"b.example'),
        ("%F0%9F%92%A5", "💥"),
        ("..%00", "..\x00"),
    ],
)
def test_the_message_repeats_what_was_asked_for(world: World, written: str, meant: str) -> None:
    answer = world.user.get(f"/v1/companies/{written}")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {"code": "company_not_found", "message": f"No company found for '{meant}'"}
    }


@proves("trace", 404, "technology_not_found", "no technology has the slug")
def test_a_technology_that_nobody_knows_is_not_found(world: World) -> None:
    answer = world.user.get("/v1/technologies/not-a-technology")
    check_nested(answer, 404, "technology_not_found")


@proves("trace", 404, "partner_not_found", "no company has the domain, and none names it")
def test_a_partner_that_nobody_names_is_not_found(world: World) -> None:
    path = "/v1/partnerships/not-a-real-domain.example/companies"
    check_nested(world.user.get(path), 404, "partner_not_found")


@proves("trace", 400, "batch_too_large", "more than 100 domains to enrich")
def test_a_batch_over_its_bound_is_told(world: World) -> None:
    domains = [f"d{number}.example" for number in range(101)]
    answer = world.user.post("/v1/enrich/partnerships", json={"domains": domains})
    check_nested(answer, 400, "batch_too_large")


@proves("trace", 404, "vendor_not_found", "no vendor has the slug")
def test_a_vendor_that_nobody_knows_is_not_found(world: World) -> None:
    check_nested(world.user.get("/v1/vendors/not-a-vendor"), 404, "vendor_not_found")
    check_nested(world.user.get("/v1/vendors/nobody/companies"), 404, "vendor_not_found")


@proves("trace", 404, "category_not_found", "no category has the slug")
def test_a_category_that_nobody_knows_is_not_found(world: World) -> None:
    check_nested(world.user.get("/v1/categories/not-a-category"), 404, "category_not_found")


@proves("trace", 404, "company_not_found", "a flag about a company that nobody knows")
def test_a_flag_about_an_unknown_company_is_told_in_its_own_shape(world: World) -> None:
    answer = world.user.post("/v1/companies/not-a-real-domain.example/flags")
    told = {
        "error": "company_not_found",
        "message": "No company was found for that identifier.",
        "identifier": "not-a-real-domain.example",
    }
    check_body(answer, 404, {"detail": told})


@proves("trace", 404, "flag_not_found", "the flag is another org's, or never was")
def test_a_flag_of_another_org_is_not_found(world: World) -> None:
    made = world.trace(world.new_customer()).post("/v1/companies/company-001.example/flags")
    assert made.status_code == 201
    check_nested(world.user.get(f"/v1/flags/{made.json()['flag_id']}"), 404, "flag_not_found")
    check_nested(world.user.get("/v1/flags/nonsense"), 404, "flag_not_found")


@proves("trace", 404, "job_not_found", "the job is another org's, or never was")
def test_a_job_of_another_org_is_not_found(world: World) -> None:
    stranger = world.trace(world.new_customer())
    made = stranger.post("/v1/companies/refresh", json={"domains": ["company-001.example"]})
    assert made.status_code == 202
    one = f"/v1/jobs/{made.json()['job_id']}"
    assert stranger.get(one).json()["status"] == "queued"
    check_nested(world.user.get(one), 404, "job_not_found")
    check_nested(world.user.get("/v1/jobs/nonsense"), 404, "job_not_found")


@proves("trace", 404, "list_not_found", "the list is another org's, was removed, or never was")
def test_a_list_of_another_org_is_not_found(world: World) -> None:
    stranger = world.trace(world.new_customer())
    made = stranger.post("/v1/lists", json={"name": "Mine"})
    assert made.status_code == 201
    one = f"/v1/lists/{made.json()['list_id']}"
    check_nested(world.user.get(one), 404, "list_not_found")
    check_nested(world.user.get("/v1/lists/nonsense"), 404, "list_not_found")
    assert stranger.delete(one).status_code == 204
    check_nested(stranger.get(one), 404, "list_not_found")


@proves("trace", 403, "list_permission_denied", "a colleague changes a list that is shared to read")
def test_a_colleague_may_read_a_list_and_not_change_it(world: World) -> None:
    made = world.user.post("/v1/lists", json={"name": "Ours"})
    colleague = world.new_user(world.org, "--verified")["email"]
    client = world.trace(world.new_key("--user", colleague)["key"])
    one = f"/v1/lists/{made.json()['list_id']}"
    assert client.get(one).status_code == 200
    check_nested(client.patch(one, json={"name": "Mine"}), 403, "list_permission_denied")


@proves("trace", 400, "invalid_definition", "a definition with a node that is none")
def test_a_wrong_definition_is_told_by_its_nodes(world: World) -> None:
    one = _new_list(world)
    wrong = {"registry_version": 1, "root": {"op": "and", "children": [{"field": "mood"}]}}
    answer = world.user.put(f"{one}/definition", json=wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_definition")
    assert [told["path"] for told in answer.json()["error"]["problems"]] == [
        "root.children[0].field"
    ]


@proves("trace", 400, "stale_registry_version", "a definition of another registry's version")
def test_a_definition_of_another_registry_is_refused(world: World) -> None:
    answer = world.user.put(f"{_new_list(world)}/definition", json={**_TREE, "registry_version": 9})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "stale_registry_version")


@proves("trace", 409, "definition_conflict", "a colleague has put a version meanwhile")
def test_a_definition_on_an_older_one_is_refused(world: World) -> None:
    one = _new_list(world)
    assert world.user.put(f"{one}/definition", json={**_TREE, "base_version": 0}).json()["version"]
    answer = world.user.put(f"{one}/definition", json={**_TREE, "base_version": 0})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "definition_conflict")
    assert answer.json()["error"]["current_version"] == 1


@proves("trace", 409, "members_not_kept", "a page of members that were computed too long ago")
def test_a_walk_through_members_that_are_gone_is_told_so(world: World) -> None:
    one = _new_list(world)
    first = world.user.get(f"{one}/members").json()["materialization"]["as_of"]
    assert world.user.get(f"{one}/members?as_of={first}").status_code == 200
    for _ in range(17):
        assert world.user.post(f"{one}/materialize").status_code == 200
    answer = world.user.get(f"{one}/members?as_of={first}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "members_not_kept")


@proves("trace", 404, "definition_not_found", "the list has no such version")
def test_a_version_that_never_was_is_not_found(world: World) -> None:
    answer = world.user.get(f"{_new_list(world)}/definition/versions/1")
    check_nested(answer, 404, "definition_not_found")


@proves("trace", 404, "user_not_found", "nobody of the org has the address")
def test_a_list_is_shared_with_colleagues_only(world: World) -> None:
    body = {"email": "nobody@else.example", "access_level": "editor"}
    answer = world.user.post(f"{_new_list(world)}/shares", json=body)
    check_nested(answer, 404, "user_not_found")


@proves("trace", 400, "list_too_large", "more domains by hand than a list may hold")
def test_a_list_holds_so_many_domains_by_hand(world: World) -> None:
    one = _new_list(world)
    for first in range(0, 50_000, 1_000):
        domains = [f"d{number}.example" for number in range(first, first + 1_000)]
        added = world.user.post(f"{one}/added-domains", json={"domains": domains})
        assert added.status_code == 200, added.text
    answer = world.user.post(f"{one}/excluded-domains", json={"domains": ["more.example"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "list_too_large")
    assert answer.json()["error"]["limit"] == 50_000


@proves("trace", 404, "route_not_found", "a path that is none")
@pytest.mark.parametrize("path", ["/v1/nothing", "/v1", "/v1/companies/a/b/c", "/v1/companies/"])
def test_an_unknown_path_is_told_in_the_nested_shape(world: World, path: str) -> None:
    check_nested(world.user.get(path), 404, "route_not_found")
    check_nested(world.trace().get(path), 404, "route_not_found", known=False)


@proves("trace", 405, "method_not_allowed", "a method that the path has not")
def test_a_wrong_method_names_the_right_ones(world: World) -> None:
    answer = world.user.put("/v1/companies/company-001")
    check_nested(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"
    answer = world.user.put("/v1/lists")
    check_nested(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"


@proves("trace", 400, "bad_request", "bytes that are not HTTP, a body that is not text")
def test_what_cannot_be_read_is_a_bad_request(world: World) -> None:
    check_nested(world.raw(b"NONSENSE\r\n\r\n"), 400, "bad_request", known=False)
    broken = b"GET /trace/v1/companies HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n"
    check_nested(world.raw(broken), 400, "bad_request", known=False)
    undecodable = world.user.post("/v1/lists", content=b'{"name": "\xff"}', headers=JSON)
    check_nested(undecodable, 400, "bad_request")


@proves("trace", 422, "validation_failed", "parameters of a wrong type or out of range")
@pytest.mark.parametrize(
    ("query", "name", "kind"),
    [
        ("limit=0", "limit", "greater_than_equal"),
        ("limit=101", "limit", "less_than_equal"),
        ("limit=many", "limit", "int_parsing"),
        ("page=0", "page", "greater_than_equal"),
        ("sort=size", "sort", "literal_error"),
        ("country=Germany", "country", "string_pattern_mismatch"),
        ("page=0&limit=0", "page", "greater_than_equal"),
    ],
)
def test_a_wrong_parameter_is_told_as_fastapi_does(
    world: World, query: str, name: str, kind: str
) -> None:
    check_validation(world.user.get(f"/v1/companies?{query}"), ["query", name], kind)


@proves("trace", 422, "validation_failed", "a JSON body that is broken or lacks a field")
def test_a_wrong_body_is_told_as_fastapi_does(world: World) -> None:
    broken = world.user.post("/v1/lists", content=b'{"name": ', headers=JSON)
    check_validation(broken, ["body", 9], "json_invalid")
    check_validation(world.user.post("/v1/lists", json={}), ["body", "name"], "missing")
    check_validation(world.user.post("/v1/lists"), ["body"], "missing")


@proves("trace", 413, "request_too_large", "a body over 1 MiB, announced or not")
def test_a_body_over_the_bound_is_refused(world: World) -> None:
    body = b" " * (BODY_BYTES_MAX + 1)
    check_nested(_post(world, body), 413, "request_too_large")
    check_nested(_post(world, _chunks(body)), 413, "request_too_large")
    check_validation(_post(world, body[:-1]), ["body", BODY_BYTES_MAX], "json_invalid")


def _post(world: World, body: bytes | Iterator[bytes]) -> httpx.Response:
    return world.user.post("/v1/lists", content=body, headers=JSON)


def _chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@proves("trace", 415, "unsupported_media_type", "a body of another content type")
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_not_json_is_refused(world: World, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = world.user.post("/v1/lists", content=b'{"name": "x"}', headers=headers)
    check_nested(answer, 415, "unsupported_media_type")


@proves("trace", 431, "headers_too_large", "headers over 32 KiB, or without an end")
def test_headers_over_the_bound_are_refused(world: World) -> None:
    large = world.user.get("/v1/credits", headers={"X-Padding": "x" * 33_000})
    check_nested(large, 431, "headers_too_large", known=False)
    endless = b"GET /trace/v1/credits HTTP/1.1\r\nHost: x\r\nX-Padding: " + b"x" * 70_000
    check_nested(world.raw(endless), 431, "headers_too_large", known=False)
