"""What a scrape tells of how each node is doing."""

from api.metrics import Metrics
from controlplane.daemon import Daemon
from controlplane.observed.node_status import Proof
from esl.link import LinkState


def add(metrics: Metrics, daemon: Daemon) -> None:
    """Have a scrape tell how each node is doing."""
    prover, fleet = daemon.pusher.prover, daemon.fleet

    def names() -> list[str]:
        return [row.value.name for row in daemon.desired.catalog.nodes.values()]

    def connected() -> dict[str, float]:
        links = {name: fleet.link(name) for name in names()}
        return {name: float(link is not None and link.state is LinkState.UP) for name, link in links.items()}

    def proofs() -> dict[str, Proof]:
        found = {name: prover.last(name) for name in names()}
        return {name: proof for name, proof in found.items() if proof is not None}

    metrics.by_node("controlplane_node_connected", "Whether our connection to the node is up.", connected)
    metrics.by_node(
        "controlplane_node_answering",
        "Whether the node could fetch from us when it was asked last.",
        lambda: {name: float(not proof.reason) for name, proof in proofs().items()},
    )
    metrics.by_node(
        "controlplane_node_probe_seconds",
        "How long the node's last successful probe took: to the node, from it to us, and back.",
        lambda: {name: each.round_trip for name, each in proofs().items() if each.round_trip is not None},
    )
    metrics.by_node(
        "controlplane_node_probe_success_timestamp_seconds",
        "When the node's last successful probe was.",
        lambda: {
            name: each.answered_at.timestamp()
            for name, each in proofs().items()
            if each.answered_at is not None
        },
    )
