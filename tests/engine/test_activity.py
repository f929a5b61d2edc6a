"""Since when nobody has used a child."""

from router.engine.activity import Activity


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def test_idleness_counts_from_the_end_of_the_last_use():
    """A use in between starts the count again."""
    clock = Clock()
    activity = Activity(clock)
    with activity.use():
        clock.now += 50

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if len(clock.slept) == 1:
            clock.now -= 4
            with activity.use():
                pass
            clock.now += 4

    await activity.idle_for(10, sleep)
    assert [10, 6] == clock.slept
    assert 166 == clock.now


async def test_what_is_in_use_is_not_idle():
    """While a use is open there is nothing to wait out; the last of several ends it."""
    clock = Clock()
    activity = Activity(clock)
    with activity.use():
        with activity.use():
            assert 2 == activity.open
        clock.now += 5
        assert 100.0 == activity.last
    assert (0, 105.0) == (activity.open, activity.last)
