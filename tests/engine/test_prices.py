"""Price books: the one that counts, the user's own, and those that have counted."""

import json
from decimal import Decimal

import pytest

from jupyter_fn.engine.prices import open_books
from jupyter_fn.model.errors import BadValue

pytestmark = pytest.mark.anyio
OWN = 'per_million_requests = "1"\nper_gb_s = "0.5"\nper_worker_hour = "0.06"\n'


def own_book(folder, text=OWN, name="house.toml"):
    (folder / name).write_text(text)
    return str(folder / name)


def test_the_books_of_the_program_are_known_by_name(tmp_path):
    book, books = open_books("aws-lambda-arm", tmp_path)
    assert book.per_gb_s == Decimal("0.0000133334")
    assert set(books) >= {"aws-lambda-x86", "aws-lambda-arm", "machine", "free"}
    assert list(tmp_path.iterdir()) == []


def test_a_book_of_ones_own_is_called_by_its_file_and_the_digest_of_its_prices(tmp_path):
    book, books = open_books(own_book(tmp_path), tmp_path)
    name, _, digest = book.name.partition("@")
    assert (name, len(digest)) == ("house", 8)
    assert books[book.name] == book
    assert (book.per_million_requests, book.per_gb_s) == (Decimal(1), Decimal("0.5"))


def test_the_same_prices_have_the_same_name_and_others_another_one(tmp_path):
    first, _ = open_books(own_book(tmp_path), tmp_path)
    again, books = open_books(own_book(tmp_path, OWN + "\n# a comment\n"), tmp_path)
    dearer, kept = open_books(own_book(tmp_path, OWN.replace("0.5", "0.75")), tmp_path)
    assert first.name == again.name != dearer.name
    assert len(kept) == len(books) + 1
    assert kept[first.name] == first


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("per_gb = 1", "per_gb"),
        ("per_gb_s = -1", "per_gb_s"),
        ('per_gb_s = "cheap"', "per_gb_s"),
        ("per_gb_s = ", "cannot be read"),
    ],
)
def test_a_book_that_cannot_be_used_is_refused_with_its_reason(tmp_path, text, says):
    with pytest.raises(BadValue, match=says):
        open_books(own_book(tmp_path, text), tmp_path)


def test_a_book_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadValue, match="cannot be read"):
        open_books(str(tmp_path / "nowhere.toml"), tmp_path)
    with pytest.raises(BadValue) as refused:
        open_books("aws-lamda-x86", tmp_path)
    assert "aws-lambda-x86" in refused.value.remedy


async def test_runs_keep_the_prices_by_which_they_were_counted(open_stage, tmp_path):
    stage = await open_stage(prices=own_book(tmp_path))
    stage.executor.join()
    await stage.publish(memory_mb=1024)

    async def run_once():
        run_id = await stage.invoke()
        await stage.until(lambda: run_id in [given.run_id for given in stage.executor.waiting])
        stage.executor.succeed(stage.executor.of(run_id), ms=1000.0)
        (run,) = await stage.ended(run_id)
        return run

    cheap = await run_once()
    own_book(tmp_path, OWN.replace("0.5", "0.75"))
    await stage.restart()
    stage.executor.join()
    dear = await run_once()
    assert (Decimal(cheap.cost_usd), Decimal(dear.cost_usd)) == (Decimal("0.500001"), Decimal("0.750001"))
    assert cheap.price_book != dear.price_book
    answer = await stage.engine.questions.cost("", "", "")
    assert Decimal(answer["total_usd"]) == Decimal("1.250002")
    assert answer["prices"]["active"] == dear.price_book
    assert {book["name"] for book in answer["prices"]["books"]} == {cheap.price_book, dear.price_book}
    (tmp_path / "house.toml").unlink()
    stage.settings = stage.settings.model_copy(update={"prices": "free"})
    await stage.restart()
    answer = await stage.engine.questions.cost("", "", "")
    assert (Decimal(answer["total_usd"]), answer["prices"]["active"]) == (Decimal("1.250002"), "free")
    assert {book["name"] for book in json.loads((stage.settings.home / "prices.json").read_text())} == {
        cheap.price_book,
        dear.price_book,
    }


async def test_workers_cost_by_the_hour(open_stage, tmp_path):
    stage = await open_stage(prices=own_book(tmp_path))
    stage.executor.join()
    await stage.quiet()
    stage.clock.advance(1800.0)
    cluster = (await stage.engine.questions.cost("", "", ""))["cluster"]
    assert (cluster["worker_s"], cluster["cost_usd"]) == (1800.0, "0.03")
