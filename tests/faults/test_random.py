"""Ten of the seeds that `make chaos` runs by the hundred."""

import pytest

from tests.faults.driver import Driver
from tests.faults.house import FragileHouse


@pytest.mark.parametrize("seed", range(10))
def test_nothing_accepted_is_lost_and_nothing_is_done_twice(built: FragileHouse, seed: int) -> None:
    built.begin()
    driver = Driver(built, seed)
    try:
        driver.run()
    finally:
        print("; ".join(driver.steps))
