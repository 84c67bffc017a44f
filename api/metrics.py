"""What is counted of lookups, and `GET /metrics` for Prometheus.

Lookups may be answered, and are then counted, in another process than the one that is scraped. The
counting is a few additions into plain lists, done in batches; only a scrape makes Prometheus' own objects.
Labels are words of ours, and nodes that operators named: a caller cannot make new ones.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from controlplane.answers.question import Question

# Seconds.
BUCKETS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)

_SECTIONS = frozenset(
    {"configuration", "directory", "dialplan", "languages", "phrases", "chatplan", "channels"}
)
_PURPOSES = frozenset(
    {
        "", "gateways", "network-list", "publish-vm", "nightmare_xfer",
        "sip_auth", "reverse-auth-lookup", "user_call", "group_call", "voicemail-lookup", "message-count",
        "jsonrpc-authenticate", "event_socket_auth", "skinny-auth",
    }
)  # fmt: skip
_OTHER = "other"
_UNREAD = "unread"
_LABELS = ("section", "purpose", "outcome")

Labels = tuple[str, str, str]


class _Tally:
    """One histogram: how many in each bucket, the last without a bound, and the sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0


class Counts:
    """Lookups by section, purpose (or action) and outcome; connections cut; what is kept of answers."""

    def __init__(self) -> None:
        self.late = 0
        """Connections cut because their request did not come in time."""
        self.kept_bytes = 0
        self.kept_answers = 0
        """Of answers in the cache, when this was last looked at."""
        self.tallies: dict[Labels, _Tally] = {}
        self.hits: dict[tuple[str, str], int] = {}

    def looked_up(self, question: Question | None, outcome: str, took: float, *, cached: bool) -> None:
        """Count a lookup; `question` None: it was not read. `took` in seconds."""
        if question is None:
            section = purpose = _UNREAD
        else:
            section = question.section if question.section in _SECTIONS else _OTHER
            purpose = question.purpose or question.action
            purpose = purpose if purpose in _PURPOSES else _OTHER
        tally = self.tallies.get((section, purpose, outcome))
        if tally is None:
            tally = self.tallies[section, purpose, outcome] = _Tally()
        tally.counts[bisect_left(BUCKETS, took)] += 1
        tally.total += took
        if cached:
            self.hits[section, purpose] = self.hits.get((section, purpose), 0) + 1


class Metrics(Collector):
    """What a scrape tells. `counts()` gives what was counted of lookups."""

    def __init__(self, counts: Callable[[], Awaitable[Counts]]) -> None:
        self._late = 0
        self._fetch = counts
        self._counts = Counts()
        self._by_node: list[tuple[str, str, Callable[[], Mapping[str, float]]]] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def cut(self, number: int) -> None:
        """Count operators' connections that were cut because their request did not come in time."""
        self._late += number

    def by_node(self, name: str, text: str, values: Callable[[], Mapping[str, float]]) -> None:
        """Have a scrape tell `values()`, by node, as well."""
        self._by_node.append((name, text, values))

    def collect(self) -> Iterator[Metric]:
        """Give everything in Prometheus' form."""
        counts = self._counts
        latency = HistogramMetricFamily(
            "controlplane_lookup_seconds", "Lookups, by how long their answers took.", labels=_LABELS
        )
        for labels, tally in counts.tallies.items():
            count, buckets = 0, []
            for bound, here in zip((*map(str, BUCKETS), "+Inf"), tally.counts, strict=True):
                count += here
                buckets.append((bound, count))
            latency.add_metric(labels, buckets, tally.total)
        yield latency
        hits = CounterMetricFamily(
            "controlplane_lookup_cache_hits", "Lookups answered from the cache.", labels=_LABELS[:2]
        )
        for kind, number in counts.hits.items():
            hits.add_metric(kind, number)
        yield hits
        yield CounterMetricFamily(
            "controlplane_connections_cut",
            "Connections whose request did not come in time.",
            value=self._late + counts.late,
        )
        yield GaugeMetricFamily(
            "controlplane_answer_cache_bytes", "Bytes of answers kept.", value=counts.kept_bytes
        )
        yield GaugeMetricFamily(
            "controlplane_answer_cache_entries", "Answers kept.", value=counts.kept_answers
        )
        for name, text, values in self._by_node:
            family = GaugeMetricFamily(name, text, labels=("node",))
            for node, measured in values().items():
                family.add_metric((node,), measured)
            yield family

    async def serve(self, request: Request) -> Response:
        """Answer a scrape."""
        self._counts = await self._fetch()
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
