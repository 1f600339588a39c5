from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from perceptkit.server import read_settings
from perceptkit.server.errors import ApiError
from perceptkit.server.processes.line import Line
from perceptkit.server.processes.quick import Quick


def test_users_have_their_turns_one_after_another() -> None:
    async def main() -> list[str]:
        line, served = Line(), list[str]()

        async def ask(owner: str, number: int) -> None:
            await line.acquire(owner)
            served.append(f"{owner} {number}")
            await asyncio.sleep(0)
            line.release()

        asked = [("ada", 1), ("ada", 2), ("ada", 3), ("ada", 4), ("bob", 1), ("eve", 1), ("eve", 2)]
        await asyncio.gather(*(ask(*each) for each in asked))
        return served

    assert asyncio.run(main()) == ["ada 1", "ada 2", "bob 1", "eve 1", "ada 3", "eve 2", "ada 4"]


def test_a_turn_of_somebody_who_has_gone_is_for_the_next() -> None:
    async def main() -> None:
        line = Line()
        await line.acquire("ada")
        waiting = [asyncio.create_task(line.acquire(owner)) for owner in ("bob", "eve", "zoe")]
        await asyncio.sleep(0)
        waiting[0].cancel()  # before it is his turn
        await asyncio.sleep(0)
        line.release()
        waiting[1].cancel()  # when it is, before he knows
        await asyncio.wait_for(waiting[2], 1)
        line.release()
        await asyncio.wait_for(line.acquire("ada"), 1)

    asyncio.run(main())


def test_so_many_requests_of_one_user_wait_and_those_of_others_still_may(tmp_path: Path) -> None:
    async def main() -> None:
        quick = Quick(read_settings({}, data=tmp_path), "test")
        begun = [asyncio.create_task(_refused(quick, "ada")) for _ in range(33)]
        begun += [asyncio.create_task(_refused(quick, owner)) for owner in ("bob", "eve") for _ in range(17)]
        done, waiting = await asyncio.wait(begun, timeout=0.01)  # before the first is done
        assert sorted(task.result() for task in done) == [429, 503, 503]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        quick.close()

    asyncio.run(main())


async def _refused(quick: Quick, owner: str) -> Any:
    """The status with which a request is refused; for ever, when it is not."""
    with pytest.raises(ApiError) as raised:
        await quick.perform("nothing", {}, timeout=60, owner=owner)
    return raised.value.status_code
