from api.throttle import Throttle, site_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_one_at_a_time() -> None:
    clock = Clock()
    throttle = Throttle(3, 6, clock=clock)
    assert [throttle.wrong("192.0.2.1") for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]
    clock.now += 10
    assert throttle.wrong("192.0.2.1") == 0.0
    assert throttle.wrong("192.0.2.1") == 10.0
    clock.now += 3600
    assert [throttle.wrong("192.0.2.1") for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]


def test_sources_do_not_pay_for_each_other() -> None:
    throttle = Throttle(1, 6)
    assert throttle.wrong("192.0.2.1") == 0.0
    assert throttle.wrong("192.0.2.2") == 0.0
    assert throttle.wrong("192.0.2.1") > 0


def test_an_ipv6_site_is_one_source() -> None:
    assert site_of("2001:db8:1:2::5") == site_of("2001:db8:1:2:ffff::1%eth0") == "2001:db8:1:2::/64"
    assert site_of("2001:db8:1:3::5") != site_of("2001:db8:1:2::5")
    assert site_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert site_of("an unknown address") == "an unknown address"


def test_memory_is_bounded() -> None:
    throttle = Throttle(1, 6, most=100)
    for number in range(1000):
        throttle.wrong(f"10.0.{number // 250}.{number % 250}")
    assert len(throttle) == 100
