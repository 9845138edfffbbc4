import pandas as pd
import pytest

from corrections import DROP, NUMBERS, SET, SPLIT, column, corrected, delivered
from pricewright.files.errors import Refusal


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SET.replace("symbol: A", "symbol: C"), r"C on 2024-01-03 is not in raw\.json; name a row"),
        (SET.replace("01-03", "01-06"), r"A on 2024-01-06 is not in raw\.json"),
        (DROP.replace("01-03", "01-01"), r"B on 2024-01-01 is not in raw\.json"),
        (SPLIT.replace("01-04", "01-06"), r"A on 2024-01-06 is not in raw\.json"),
        (SPLIT.replace("01-04", "01-02"), r"there is no price before A on 2024-01-02 to adjust"),
        (SET.replace("symbol: A, ", ""), r"raw\.json has symbols; add 'symbol'"),
        (
            SET.replace("close", "open"),
            r"raw\.json has no column open; name one of date, symbol, high, low, close",
        ),
        (SPLIT.replace("was", "columns: [open], was"), r"raw\.json has no column open; name"),
        (
            SET.replace("11", "11.01"),
            r"close was delivered as 11 on 2024-01-03, but the correction says 11\.01; check",
        ),
        (SET.replace("11", "null"), r"delivered as 11 on 2024-01-03, .* says missing"),
        (
            NUMBERS.replace("01-03", "01-05") % (11, 6),
            r"delivered as missing on 2024-01-05, .* says 11;",
        ),
        (
            SPLIT.replace("11.0", "5.5"),
            r"close was delivered as 11 on 2024-01-03, but the correction says 5\.5",
        ),
        (DROP.replace("true", "true, was: 3"), r"close was delivered as 2 on 2024-01-03"),
        (DROP.replace("true", "true, was: null"), r"close was delivered as 2 on 2024-01-03"),
        (
            NUMBERS.replace("close", "volume") % (201, 1.5),
            r"a volume of 1\.5; give a whole number",
        ),
        (SET.replace("10.5", "12.5"), r"have close 12\.5 with low 10 and high 12; correct"),
        (SET.replace("10.5", "9.5"), r"A on 2024-01-03 would have close 9\.5 with low 10"),
    ],
)
def test_a_correction_that_does_not_fit_the_delivery_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(Refusal, match=rf"^c\.yaml:1: .*{sentence}") as refused:
        corrected(text)
    assert str(refused.value).endswith(".")


def test_a_correction_of_a_row_that_is_there_twice_is_refused():
    with pytest.raises(Refusal, match=r"A on 2024-01-03 is 2 times in raw\.json"):
        corrected(SET, pd.concat([delivered(), delivered().iloc[[1]]], ignore_index=True))


def test_a_symbol_for_a_series_without_symbols_is_refused():
    with pytest.raises(Refusal, match=r"raw\.json has no symbols; remove 'A'"):
        corrected(SET, delivered().iloc[:4].drop(columns="symbol"))


def test_a_price_at_the_edge_of_its_day_is_possible_and_what_belongs_together_can_change():
    assert column(corrected(SET.replace("10.5", "12"))[0], "close")[1] == 12.0
    assert column(corrected(SET.replace("10.5", "10"))[0], "close")[1] == 10.0
    text = SET.replace("10.5", "13") + SET.replace("close, was: 11", "high, was: 12").replace(
        "10.5", "13.5"
    )
    assert column(corrected(text)[0], "close")[1] == 13.0


@pytest.mark.parametrize("text", [SET, SPLIT, DROP])
def test_no_correction_can_be_applied_twice(text):
    once, _ = corrected(text)
    with pytest.raises(Refusal, match=r"^c\.yaml:1: "):
        corrected(text, once)


def test_a_split_before_which_there_is_nothing_left_or_no_price_is_refused():
    split = SPLIT.replace("01-04", "01-03").replace("11.0", "9")
    drop = DROP.replace("symbol: B", "symbol: A").replace("01-03", "01-02")
    sentence = r"^c\.yaml:%d: there is no price before A on 2024-01-03 to adjust; correct the date"
    with pytest.raises(Refusal, match=sentence % 2):
        corrected(drop + split)
    table = delivered()
    table.loc[0, "close"] = None
    with pytest.raises(Refusal, match=sentence % 1):
        corrected(split, table)


def test_an_impossible_row_can_be_dropped():
    table = delivered()
    table.loc[5, "high"] = 1.5
    assert len(corrected(DROP, table)[0]) == 7


def test_a_volume_that_no_whole_number_can_hold_is_refused():
    table = delivered()
    table.loc[0, "volume"] = 2**62
    with pytest.raises(Refusal, match=r"a volume of 4611686018427387904 times 2 is too large"):
        corrected(SPLIT, table)
    table.loc[0, "volume"] = 2**62 - 1
    assert column(corrected(SPLIT, table)[0], "volume")[0] == 2**63 - 2


A_DROP = DROP.replace("symbol: B", "symbol: A")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SET, SET.replace("10.5", "10.6")),
        (SPLIT, SPLIT.replace("2:1", "3:1")),
        (DROP, DROP),
        (SET, A_DROP),
        (A_DROP, SET),
    ],
)
def test_two_corrections_of_one_thing_are_refused_with_both_lines(first, second):
    sentence = r"^c\.yaml:2: [AB] on 2024-01-0. is already corrected in line 1; keep one"
    with pytest.raises(Refusal, match=sentence):
        corrected(first + second)


@pytest.mark.parametrize(
    "entry",
    [
        SET,
        A_DROP,
        SPLIT.replace("01-04", "01-03").replace("11.0", "9"),
        SPLIT.replace("split", "requote").replace("01-04", "01-03").replace("11.0", "9"),
    ],
)
def test_two_corrections_of_one_thing_by_its_old_and_its_new_name_are_refused(entry):
    table = delivered().iloc[:4]
    table.loc[2:, "symbol"] = "NEW"
    renamed = "- {symbol: A, date: 2024-01-04, rename: NEW, reason: renamed}\n"
    by_new = entry.replace("symbol: A", "symbol: NEW")
    assert corrected(renamed + entry, table)[0].equals(corrected(renamed + by_new, table)[0])
    with pytest.raises(Refusal, match=r"^c\.yaml:3: NEW on .* is already corrected in line 2;"):
        corrected(renamed + entry + by_new, table)


def test_all_corrections_that_no_longer_fit_are_named_in_one_sentence():
    text = SET.replace("11", "11.5") + SET.replace("close", "high").replace("11", "12")
    text += DROP.replace("01-03", "01-09") + SPLIT.replace("11.0", "5.5")
    with pytest.raises(Refusal) as refused:
        corrected(text.replace("10.5", "11"))
    assert str(refused.value) == (
        "c.yaml:1: close was delivered as 11 on 2024-01-03, but the correction says 11.5; check "
        "whether it is still needed, and correct or remove it; also look at lines 3, 4, which "
        "cannot be applied."
    )


def test_corrections_of_other_cells_do_not_contradict_each_other():
    others = [
        *(SET, SET.replace("close", "high").replace("11", "12").replace("10.5", "11.5")),
        *(SPLIT, SPLIT.replace("01-04", "01-03").replace("11.0", "9")),
        *(DROP, DROP.replace("01-03", "01-02")),
    ]
    assert len(corrected("".join(others))[1]) == len(others)
