"""What every plan keeps to, whatever is wanted and whatever runs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.desired.values import GLOBAL, Acl, AclEntry, Param
from controlplane.observed.values import Wanted, WantedDocument, WantedGateway, WantedProfile
from controlplane.push.held import Wait
from controlplane.push.plan import Act, Plan, plan
from controlplane.push.settings import in_force
from controlplane.push.touches import EVERYTHING, Touches
from tests.push.model import Model

IDLE: Mapping[str, int] = {}
PROFILES = ("external", "internal", "third")
GATEWAYS = ("a", "b", "c", "d")
DOCUMENTS = ("sofia.conf", "timezones.conf", "loopback.conf", "lcr.conf", "voicemail.conf", "ivr.conf")

values = st.sampled_from(("1", "2"))
params = st.dictionaries(st.sampled_from(("sip-port", "context", "dialplan")), values)


def _profile(name: str, given_params: dict[str, str]) -> WantedProfile:
    return WantedProfile(name, 1, tuple(Param(*each) for each in sorted(given_params.items())))


profiles = st.dictionaries(st.sampled_from(PROFILES), params).map(
    lambda chosen: {name: _profile(name, each) for name, each in chosen.items()}
)
acls = st.sampled_from(
    [{}, {"lan": Acl("lan", GLOBAL, False)}, {"lan": Acl("lan", GLOBAL, False, (AclEntry(True, "::/0"),))}]
)


@st.composite
def wanteds(draw: st.DrawFn) -> Wanted:
    has = draw(profiles)
    gateways: dict[str, WantedGateway] = {}
    if has:
        for name in draw(st.sets(st.sampled_from(GATEWAYS))):
            profile = draw(st.sampled_from(sorted(has)))
            gateways[name] = WantedGateway(name, profile, draw(values), draw(st.booleans()))
    documents = {
        name: WantedDocument(name, draw(values)) for name in draw(st.sets(st.sampled_from(DOCUMENTS)))
    }
    return Wanted("fs1", 7, gateways, has, draw(acls), documents=documents)


@st.composite
def models(draw: st.DrawFn) -> Model:
    running = {name: in_force(each) for name, each in draw(profiles).items()}
    gateways: dict[str, tuple[str, str | None]] = {}
    if running:
        marks: Any = st.one_of(st.none(), values)
        gateways = draw(
            st.dictionaries(
                st.sampled_from((*GATEWAYS, "foreign")),
                st.tuples(st.sampled_from(sorted(running)), marks),
            )
        )
    return Model(
        running,
        gateways,
        draw(st.sampled_from((None, "x"))),
        draw(st.dictionaries(st.sampled_from(DOCUMENTS), values)),
        frozenset(
            {"mod_sofia", *draw(st.sets(st.sampled_from(("mod_lcr", "mod_loopback", "mod_voicemail"))))}
        ),
    )


some = st.builds(
    Touches,
    gateways=st.frozensets(st.sampled_from(GATEWAYS)),
    profiles=st.frozensets(st.sampled_from(PROFILES)),
    acls=st.frozensets(st.just("lan")),
    documents=st.frozensets(st.sampled_from(DOCUMENTS)),
    everything=st.booleans(),
)


calls = st.dictionaries(st.sampled_from(PROFILES), st.integers(0, 2))


def decided(touches: Touches, wanted: Wanted, node: Model, standing: Mapping[str, int] = IDLE) -> Plan:
    return plan(touches, wanted, node.seen(), node.applied(), None, node.traffic(standing))


@settings(deadline=None)
@given(some, wanteds(), models())
def test_nothing_unwanted_is_started_and_nothing_foreign_is_ended(
    touches: Touches, wanted: Wanted, node: Model
) -> None:
    found = decided(touches, wanted, node)
    for step in found.steps:
        match step.act:
            case Act.START_GATEWAY:
                assert step.target in wanted.gateways
            case Act.START_PROFILE | Act.RESCAN | Act.RESTART_PROFILE:
                assert step.target in wanted.profiles
            case Act.STOP_PROFILE:
                assert step.target not in wanted.profiles
            case Act.KILL_GATEWAY:
                _, mark = node.gateways[step.target]
                assert mark is not None or step.target in wanted.gateways


@settings(deadline=None)
@given(some, wanteds(), models())
def test_nothing_that_runs_as_it_should_is_interrupted(touches: Touches, wanted: Wanted, node: Model) -> None:
    right = {
        name
        for name, each in wanted.gateways.items()
        if node.gateways.get(name) == (each.profile, each.fingerprint)
    }
    killed = {step.target for step in decided(touches, wanted, node).steps if step.act is Act.KILL_GATEWAY}
    assert not killed & right


@settings(deadline=None)
@given(some, wanteds(), models(), calls)
def test_no_call_is_dropped_but_by_the_operators_word(
    touches: Touches, wanted: Wanted, node: Model, standing: Mapping[str, int]
) -> None:
    for step in decided(touches, wanted, node, standing).steps:
        if step.drops_calls:
            assert not standing.get(step.target) if "PROFILE" in step.act.name else not any(standing.values())
    held = {each.what: each for each in decided(touches, wanted, node, standing).held}
    let = frozenset(what for what, each in held.items() if each.wait is Wait.CALLS)
    found = decided(replace(touches, let=let), wanted, node, standing)
    assert {each.what for each in found.held} == held.keys() - let


@settings(deadline=None)
@given(some, wanteds(), models(), calls)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    touches: Touches, wanted: Wanted, node: Model, standing: Mapping[str, int]
) -> None:
    # One that is not wanted, and not known to be there, is read anew each time that it is named.
    touches = replace(touches, documents=touches.documents & wanted.documents.keys())
    found = decided(touches, wanted, node, standing)
    node.do(found.steps, wanted)
    again = decided(touches, wanted, node, standing)
    assert again.steps == ()
    assert {each.what for each in again.held if each.wait is not Wait.READY} == {
        each.what for each in found.held if each.wait is not Wait.READY
    }
    if touches.everything and not standing:
        assert not node.twice
        ours = {name: at for name, at in node.gateways.items() if at[1] is not None}
        assert ours == {name: (each.profile, each.fingerprint) for name, each in wanted.gateways.items()}
        assert node.profiles.keys() == wanted.profiles.keys()


@settings(deadline=None)
@given(wanteds(), models(), st.data())
def test_a_plan_broken_off_anywhere_ends_in_the_same_place(
    wanted: Wanted, node: Model, data: st.DataObject
) -> None:
    """What the broken off one did is not known to the next, but for what can be seen."""
    known = node.applied()
    whole, broken = node.copy(), node.copy()
    found = plan(EVERYTHING, wanted, node.seen(), known, None, node.traffic(IDLE))
    whole.do(found.steps, wanted)
    done = data.draw(st.integers(0, len(found.steps)))
    broken.do(found.steps[:done], wanted)
    again = plan(EVERYTHING, wanted, broken.seen(), known, None, broken.traffic(IDLE))
    broken.do(again.steps, wanted)
    assert broken == whole
    for act in (Act.KILL_GATEWAY, Act.STOP_PROFILE, Act.RESTART_PROFILE, Act.RELOAD_MODULE):
        first = {step.target for step in found.steps[:done] if step.act is act}
        assert not first & {step.target for step in again.steps if step.act is act}
