"""What a rescan takes over, and what waits for a restart."""

import pytest

from controlplane.desired.values import Param, ProfileDomain, SecretRef
from controlplane.observed import WantedProfile
from controlplane.push import settings


def profile(
    *params: tuple[str, str], aliases: tuple[str, ...] = (), domains: tuple[ProfileDomain, ...] = ()
) -> WantedProfile:
    return WantedProfile("external", 1, tuple(Param(*each) for each in params), aliases, domains)


BASE = profile(
    ("sip-port", "5080"), ("context", "public"), ("apply-inbound-acl", "lan"), ("rtp-ip", "192.0.2.1")
)


@pytest.mark.parametrize(
    ("changed", "rescan", "restart"),
    [
        (BASE, False, ()),
        (
            profile(
                ("sip-port", "5080"),
                ("context", "other"),
                ("apply-inbound-acl", "lan"),
                ("rtp-ip", "192.0.2.1"),
            ),
            True,
            (),
        ),
        # a port is only displayed anew
        (
            profile(
                ("sip-port", "5090"),
                ("context", "public"),
                ("apply-inbound-acl", "lan"),
                ("rtp-ip", "192.0.2.1"),
            ),
            False,
            ("sip-port",),
        ),
        # both
        (
            profile(
                ("sip-port", "5090"),
                ("context", "other"),
                ("apply-inbound-acl", "lan"),
                ("rtp-ip", "192.0.2.1"),
            ),
            True,
            ("sip-port",),
        ),
        # gone: the parser resets none but a few
        (
            profile(("sip-port", "5080"), ("apply-inbound-acl", "lan"), ("rtp-ip", "192.0.2.1")),
            False,
            ("context",),
        ),
        (profile(("sip-port", "5080"), ("context", "public"), ("rtp-ip", "192.0.2.1")), True, ()),
        (profile(("sip-port", "5080"), ("context", "public"), ("apply-inbound-acl", "lan")), True, ()),
        # new
        (profile(*[(p.name, str(p.value)) for p in BASE.params], ("dialplan", "XML")), True, ()),
        (profile(*[(p.name, str(p.value)) for p in BASE.params], ("tls", "true")), False, ("tls",)),
        # a rescan would add what it names to what was there
        (
            profile(*[(p.name, str(p.value)) for p in BASE.params], ("Manual-RTP-Bugs", "IGNORE_MARK_BIT")),
            False,
            ("manual-rtp-bugs",),
        ),
        # names compare without case
        (
            profile(
                ("SIP-Port", "5080"),
                ("context", "public"),
                ("apply-inbound-acl", "lan"),
                ("rtp-ip", "192.0.2.1"),
            ),
            False,
            (),
        ),
        (profile(*[(p.name, str(p.value)) for p in BASE.params], ("timer-T1", "500")), False, ("timer-t1",)),
    ],
)
def test_params(changed: WantedProfile, rescan: bool, restart: tuple[str, ...]) -> None:
    running = settings.in_force(BASE)
    assert settings.needs_rescan(running, changed) is rescan
    assert settings.needs_restart(running, changed) == restart
    after = settings.after_rescan(running, changed)
    assert not settings.needs_rescan(after, changed)
    assert settings.needs_restart(after, changed) == restart
    assert settings.needs_restart(settings.in_force(changed), changed) == ()


def test_there_and_back_needs_nothing() -> None:
    other = profile(("sip-port", "5090"), ("context", "other"))
    running = settings.after_rescan(settings.in_force(BASE), other)
    assert settings.needs_restart(running, other) == ("rtp-ip", "sip-port")[1:]
    back = settings.after_rescan(running, BASE)
    assert settings.needs_restart(back, BASE) == ()
    assert back == settings.in_force(BASE)


def test_aliases_and_domains_come_by_rescan_and_go_by_restart() -> None:
    with_both = profile(aliases=("a",), domains=(ProfileDomain("example.com", alias=True),))
    bare = profile()
    assert settings.needs_rescan(settings.in_force(bare), with_both)
    assert settings.needs_restart(settings.in_force(bare), with_both) == ()
    assert settings.needs_restart(settings.in_force(with_both), bare) == ("<alias> a", "<domain> example.com")


def test_a_secret_changes_with_its_version_and_is_not_kept() -> None:
    first = WantedProfile("external", 1, (Param("tls-passphrase", SecretRef(1, 1)),))
    second = WantedProfile("external", 2, (Param("tls-passphrase", SecretRef(1, 2)),))
    assert settings.needs_restart(settings.in_force(first), second) == ("tls-passphrase",)
    assert "1@1" not in settings.written(settings.in_force(first))


def test_order_and_repetition_count() -> None:
    first = profile(("apply-inbound-acl", "a"), ("apply-inbound-acl", "b"))
    second = profile(("apply-inbound-acl", "b"), ("apply-inbound-acl", "a"))
    assert settings.needs_rescan(settings.in_force(first), second)


def test_written_and_read() -> None:
    running = settings.in_force(BASE)
    assert settings.read(settings.written(running)) == running


def test_the_tables_are_lower_case_and_apart() -> None:
    assert all(name == name.lower() for name in settings.AT_START | settings.RESET)
    assert not settings.AT_START & settings.RESET
