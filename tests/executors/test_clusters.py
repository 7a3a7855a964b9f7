"""Cluster specs, and outcomes on the wire."""

from typing import Any

import pytest

from jupyter_fn.executors.clusters import cluster_class, parse_cluster
from jupyter_fn.executors.wire import outcome_from_dict, outcome_to_dict
from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.run import Outcome, Record, Staged, Usage


@pytest.mark.parametrize(
    ("text", "kind", "target", "arguments"),
    [
        ("local", "local", "", {}),
        ("tcp://10.0.0.1:8786", "address", "tcp://10.0.0.1:8786", {}),
        ("tls://host:8786", "address", "tls://host:8786", {}),
        ("dask_kubernetes.operator.KubeCluster", "class", "dask_kubernetes.operator.KubeCluster", {}),
        (
            "pkg.Class n=3 on=false name=abc 'note=two words' 'resources={\"GPU\":1}'",
            "class",
            "pkg.Class",
            {"n": 3, "on": False, "name": "abc", "note": "two words", "resources": {"GPU": 1}},
        ),
    ],
)
def test_a_spec_is_local_an_address_or_a_class_with_arguments(
    text: str, kind: str, target: str, arguments: dict[str, Any]
) -> None:
    spec = parse_cluster(text)
    assert (spec.kind, spec.target, spec.arguments) == (kind, target, arguments)


@pytest.mark.parametrize("text", ["", "locl", "local n=3", "tcp://", "pkg.Class 3", "'open", "tcp://a:1 b=2"])
def test_anything_else_is_refused_with_the_three_forms(text: str) -> None:
    with pytest.raises(BadValue) as refused:
        parse_cluster(text)
    assert "tcp://host:8786" in refused.value.remedy


def test_a_class_is_found_by_its_dotted_path_or_named_when_it_is_not_there() -> None:
    assert cluster_class("collections.OrderedDict").__name__ == "OrderedDict"
    for path in ("no_such_package.Class", "collections.NoSuchClass"):
        with pytest.raises(BadValue, match=path):
            cluster_class(path)


def test_an_outcome_survives_the_wire() -> None:
    outcome = Outcome(
        run_id="r",
        token=2,
        started=1.5,
        ended=2.5,
        usage=Usage(duration_ms=3.0, cold=True),
        result={"a": [1]},
        staged=(Staged(staged="s", target="t", size=3),),
        emitted=(Record(topic="t", value={"n": 1}, key="k"),),
        log="said\n",
    )
    assert outcome_from_dict(outcome_to_dict(outcome)) == outcome
