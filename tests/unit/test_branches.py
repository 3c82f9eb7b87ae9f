"""The merge of two versions that were changed apart from each other (app/store/couchdb/branches.py)."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.differences import differing_paths, same
from app.store.couchdb.branches import merge_branches

names = st.sampled_from(["a", "b", "c", "d"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.floats(0, 2) | st.text("xy", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(names, values, max_size=4)


def leaf_paths(document, path=()):
    """The paths of all that is no object, and of empty objects."""
    if isinstance(document, dict) and (document or not path):
        return {found for name, value in document.items() for found in leaf_paths(value, (*path, name))}
    return {path}


@given(documents, documents, documents)
def test_changes_of_different_members_are_both_there(base, first, second):
    """Each side changes members of its own; whichever is later, both changes are there and nothing is lost."""
    one = {**base, "first": first, "common": {**base, "mine": first}}
    other = {**base, "second": second, "common": {**base, "yours": second}}
    origin = {**base, "common": base}
    expected = {**base, "first": first, "second": second, "common": {**base, "mine": first, "yours": second}}
    for earlier, later in ((one, other), (other, one)):
        merged = merge_branches(origin, earlier, later)
        assert same(merged.document, expected) and merged.lost == ()


@given(documents, documents, documents)
def test_what_only_one_changed_is_kept_and_the_later_one_counts_else(base, earlier, later):
    before = copy.deepcopy((base, earlier, later))
    merged = merge_branches(base, earlier, later)
    assert same(list(before), [base, earlier, later])
    assert same(merge_branches(base, base, later).document, later)
    assert same(merge_branches(base, earlier, base).document, earlier)
    assert same(merge_branches(base, earlier, earlier).document, earlier)
    # To merge again what was merged changes nothing.
    again = merge_branches(base, earlier, merged.document)
    assert same(again.document, merged.document)
    for name in base.keys() | earlier.keys() | later.keys():
        was, first, second = (name in version for version in (base, earlier, later))
        if was and not first and second and same(base[name], later[name]):
            assert name not in merged.document
        if name not in merged.lost and not was and first and not second:
            assert same(merged.document[name], earlier[name])


@given(documents, documents)
def test_without_a_base_all_of_the_later_one_counts(earlier, later):
    merged = merge_branches(None, earlier, later)
    assert same(merged.document, later)
    assert bool(merged.lost) == bool(differing_paths(earlier, later))


@pytest.mark.parametrize(
    ("base", "earlier", "later", "merged", "lost"),
    [
        ({"a": 1}, {"a": 2}, {"a": 3}, {"a": 3}, ("a",)),
        ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}, ()),
        ({"a": 1}, {}, {"a": 3}, {"a": 3}, ("a",)),
        ({"a": 1}, {"a": 2}, {}, {}, ("a",)),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, {"a": {}}, {"a": {"y": 2}}, ()),
        ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": 5}, {"a": 5}, ("a",)),
        ({"l": [1]}, {"l": [1, 2]}, {"l": [1, 3]}, {"l": [1, 3]}, ("l",)),
        ({"l": [1]}, {"l": [1, 2]}, {"l": [1], "b": 1}, {"l": [1, 2], "b": 1}, ()),
        ({"a": 1}, {"a": 1.0}, {"a": True}, {"a": True}, ("a",)),
        ({}, {"pvt_modified": 1, "pvt_request_id": "x"}, {"pvt_modified": 2, "pvt_request_id": "y"}, None, ()),
        ({}, {"pvt_deleted": True}, {"a": 1}, {"pvt_deleted": True, "a": 1}, ()),
    ],
)
def test_examples(base, earlier, later, merged, lost):
    result = merge_branches(base, earlier, later)
    assert result.lost == lost
    assert same(result.document, later if merged is None else merged)


def test_differences_are_paths_without_stamps():
    one = {"a": {"b": 1, "c": 2}, "d": [1], "pvt_modified": 5, "pvt_deleted": True}
    assert differing_paths(one, {"a": {"b": 1}, "d": [1.0]}) == ["a.c", "d", "pvt_deleted"]
