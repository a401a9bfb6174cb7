"""The two commands that need neither database nor configuration: the same bytes each time, faults with file and line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from syncd.cli.dedupe_files import FOUND, SCORED
from tests.support.commands import Done, run_command

HEADER = "set,rec_id,name,tin,country,iban,city,phone\n"
RECORDS = (
    HEADER
    + """\
one,a1,Zielony Wiatrak Sp. z o.o.,5261040828,PL,PL61 1090 1014 0000 0712 1981 2874,Warszawa,
one,a2,"Zielony Wiatrak, spółka z o.o.",PL 526-104-08-28,,,,
one,a3,Zielony Wiatrak,,PL,61109010140000071219812874,Warszawa,
one,a4,Zielony Wiatrak,5261040828,PL,,,
one,b1,Czarny Kot S.A.,7740001454,PL,,,
two,a5,Zielony Wiatrak Sp. z o.o.,5261040828,PL,,,
"""
)
PAIRS = "left_id,right_id,label\na2,a1,1\na1,a3,1\na1,a4,1\na1,b1,0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "records.csv").write_text(RECORDS, encoding="utf-8")
    (tmp_path / "pairs.csv").write_text(PAIRS, encoding="utf-8")
    return tmp_path


def syncd(folder: Path, *arguments: str) -> Done:
    return run_command(arguments, {"PATH": "/usr/bin:/bin", "COLUMNS": "200"}, folder)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def score(folder: Path, *more: str) -> Done:
    return syncd(folder, "dedupe", "score", "records.csv", "--pairs", "pairs.csv", "-o", "out.csv", *more)


def test_pairs_are_scored_in_their_order(folder: Path) -> None:
    done = score(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "4 pairs: 2 auto, 1 review, 1 no. Written to out.csv.\n"
    found = rows(folder / "out.csv")
    assert tuple(found[0]) == SCORED
    assert [(row["left_id"], row["right_id"], row["band"], row["tier"]) for row in found] == [
        ("a2", "a1", "auto", "T1"),
        ("a1", "a3", "auto", "T2b"),
        ("a1", "a4", "review", "T3"),
        ("a1", "b1", "no", ""),
    ]
    assert float(found[0]["score"]) > float(found[3]["score"])
    assert "tax number" in found[0]["why"]


def test_the_tiers_that_are_named_are_automatic(folder: Path) -> None:
    assert "3 auto, 0 review" in score(folder, "--tiers", "all").stdout
    assert "1 auto, 2 review" in score(folder, "--tiers", "T1").stdout
    refused = score(folder, "--tiers", "T1,T9")
    assert refused.returncode == 1 and "there is no tier 'T9'" in refused.stderr


def test_the_duplicates_of_a_file_are_found_within_each_set(folder: Path) -> None:
    done = syncd(folder, "dedupe", "scan", "--records", "records.csv", "-o", "found.csv")
    assert done.returncode == 0, done.stderr
    found = rows(folder / "found.csv")
    assert tuple(found[0]) == FOUND
    assert {(row["left_id"], row["right_id"]) for row in found} == {
        (one, other) for one in ("a1", "a2", "a3", "a4") for other in ("a1", "a2", "a3", "a4") if one < other
    }
    bands = [("auto", "review", "no").index(row["band"]) for row in found]
    assert bands == sorted(bands) and bands[0] == 0
    assert found[0]["left_name"] == "Zielony Wiatrak Sp. z o.o."
    before = (folder / "found.csv").read_bytes()
    lines = RECORDS.removeprefix(HEADER).splitlines(keepends=True)
    (folder / "records.csv").write_text(HEADER + "".join(reversed(lines)), encoding="utf-8")
    syncd(folder, "dedupe", "scan", "--records", "records.csv", "-o", "found.csv")
    assert (folder / "found.csv").read_bytes() == before


def test_many_records_in_several_processes_give_what_one_process_gives(folder: Path, tmp_path: Path) -> None:
    from syncd.cli import dedupe_files

    letters = "bcdfghklmnprstwz"
    lines = [
        f"one,r{at:05},Firma {letters[at % 16] * 3}{letters[at // 16 % 16] * 3}{letters[at // 256 % 16] * 3} Ltd,,PL,,,"
        f"22555{at % 4096:04}\n"
        for at in range(dedupe_files._ALONE + 600)
    ]
    (folder / "records.csv").write_text(HEADER + "".join(lines), encoding="utf-8")
    done = syncd(folder, "dedupe", "scan", "--records", "records.csv", "-o", "found.csv")
    assert done.returncode == 0, done.stderr
    found = rows(folder / "found.csv")
    every = len(lines) - 4096
    twins = {(row["left_id"], row["right_id"]) for row in found if row["band"] == "review"}
    assert {(f"r{at:05}", f"r{at + 4096:05}") for at in range(every)} <= twins
    assert f"{len(lines)} records: 0 auto" in done.stdout


def test_a_name_that_a_spreadsheet_would_run_is_made_harmless(folder: Path) -> None:
    text = HEADER + 'one,a1,"=HYPERLINK(""x"") Wiatrak",5261040828,PL,,,\none,a2,Wiatrak,5261040828,PL,,,\n'
    (folder / "records.csv").write_text(text, encoding="utf-8")
    syncd(folder, "dedupe", "scan", "--records", "records.csv", "-o", "found.csv")
    assert rows(folder / "found.csv")[0]["left_name"].startswith("'=")


@pytest.mark.parametrize(
    ("records", "pairs", "complaint"),
    [
        ("", PAIRS, "records.csv:1:0: is empty"),
        ("set,name\none,X\n", PAIRS, "records.csv:1:0: there is no column 'rec_id'"),
        ("rec_id,name,name\na1,X,Y\n", PAIRS, "records.csv:1:0: the column 'name' is there twice"),
        ("rec_id,name\na1,X\n,Y\n", PAIRS, "records.csv:3:0: this record has no rec_id"),
        ("rec_id,name\na1,X\na1,Y\n", PAIRS, "records.csv:3:0: the rec_id 'a1' is there twice"),
        ("rec_id,name\na1,X,Y\n", PAIRS, "records.csv:2:0: 3 cells under 2 columns"),
        (RECORDS, "left_id,right_id\na1,a9\n", "pairs.csv:2:0: there is no record 'a9'"),
        (RECORDS, "left_id,right_id\na1,a1\n", "pairs.csv:2:0: 'a1' stands on both sides"),
        (RECORDS, "left_id,right_id\na1,a5\n", "pairs.csv:2:0: 'a1' and 'a5' are of different sets"),
        (RECORDS, "left,right_id\na1,a5\n", "pairs.csv:1:0: there is no column 'left_id'"),
    ],
)
def test_a_fault_is_told_with_file_and_line(folder: Path, records: str, pairs: str, complaint: str) -> None:
    (folder / "records.csv").write_text(records, encoding="utf-8")
    (folder / "pairs.csv").write_text(pairs, encoding="utf-8")
    done = score(folder)
    assert done.returncode == 1 and complaint in done.stderr
    assert not (folder / "out.csv").exists()


def test_a_file_that_is_no_utf_8_or_not_there(folder: Path) -> None:
    (folder / "records.csv").write_bytes("rec_id,name\na1,Łódź\n".encode("cp1250"))
    assert "records.csv:0:0: is not UTF-8" in score(folder).stderr
    (folder / "records.csv").unlink()
    assert "records.csv:0:0: cannot be read: No such file" in score(folder).stderr


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_file_of_a_polish_or_german_excel_is_read(folder: Path, separator: str) -> None:
    wanted = score(folder).stdout
    for name, text in (("records.csv", RECORDS), ("pairs.csv", PAIRS)):
        cells = csv.reader(text.splitlines())
        with (folder / name).open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file, delimiter=separator).writerows(cells)
    done = score(folder)
    assert (done.returncode, done.stdout) == (0, wanted), done.stderr


def test_nothing_is_written_over_a_file_it_is_made_from(folder: Path) -> None:
    done = syncd(folder, "dedupe", "scan", "--records", "records.csv", "-o", "./records.csv")
    assert done.returncode == 1 and "is one of the files to be read" in done.stderr
    done = syncd(folder, "dedupe", "score", "records.csv", "--pairs", "pairs.csv", "-o", "pairs.csv")
    assert done.returncode == 1 and "is one of the files to be read" in done.stderr
    assert (folder / "records.csv").read_text(encoding="utf-8") == RECORDS
    assert (folder / "pairs.csv").read_text(encoding="utf-8") == PAIRS


def test_the_name_of_the_file_is_told_as_it_is(folder: Path) -> None:
    done = syncd(folder, "dedupe", "scan", "--records", "records.csv", "-o", "found[red].csv")
    assert "Written to found[red].csv." in done.stdout


def test_columns_that_are_missing_are_empty(folder: Path) -> None:
    (folder / "records.csv").write_text("rec_id,name,colour\na1,Zielony Wiatrak,red\na2,Zielony Wiatrak,blue\n")
    (folder / "pairs.csv").write_text("left_id,right_id\na1,a2\n")
    done = score(folder)
    assert done.stdout.startswith("1 pairs: 0 auto, 1 review")
