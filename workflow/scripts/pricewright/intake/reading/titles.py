"""The titles of columns: unique ones, and vendors' names for our columns."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from pricewright.tables.fields import VALUES

_USUAL_NAMES: Mapping[str, Sequence[str]] = {
    "date": (
        "date dates",
        "datetime timestamp snapped_at time day trade_date tradedate trading_date observation_date "
        "datadate nav_date price_date as_of_date as_of valuation_date business_date "
        "exchange_date traddt time_period open_time datum fecha data tag handelstag jour tarih "
        "ημερομηνία дата 日期 日付 交易日期 날짜 일자",
    ),
    "time": ("time", "time_of_day bar_time uhrzeit heure hora"),
    "symbol": (
        "symbol",
        "ticker tckrsymb sym ric tic ticker_symbol symbole símbolo simbolo тикер 代码 股票代码 "
        "证券代码 代號 證券代號 股票代號 コード 銘柄コード 종목코드",
        "instrument security secid",
        "isin permno cusip figi wkn",
        "stock_code sec_code ts_code pair currency_pair",
    ),
    "open": (
        "open",
        "open_price price_open opening_price px_open o eröffnung eröffn eröffnungskurs eroeffnung "
        "opnpric erster ouverture ouv apertura abertura otwarcie açılış откр открытие 开盘 "  # noqa: RUF001
        "开盘价 開盤 開盤價 始値 시가",
    ),
    "high": (
        "high",
        "high_price price_high px_high h hoch tageshoch höchst höchstkurs haut plus_haut máximo "
        "hghpric maximo máxima massimo hoog najwyzszy najwyższy yüksek макс максимум "
        "最高 最高价 最高價 高値 고가",
    ),
    "low": (
        "low",
        "low_price price_low px_low l tief tagestief tiefst tiefstkurs bas plus_bas mínimo minimo "
        "lwpric mínima laag najnizszy najniższy düşük мин минимум 最低 最低价 最低價 安値 저가",
    ),
    "close": (
        "close",
        "close_last close_price price_close trade_close closing_price clspric schluss schlusskurs "
        "clôture cloture clot cierre chiusura fechamento slotkoers zamkniecie zamknięcie schluß "
        "şimdi kapanış κλείσιμο закрытие 收盘 收盘价 收盤 收盤價 終値 종가",  # noqa: RUF001
        "last px_last last_price price prices settle px_settle value obs_value prc prccd c zuletzt "
        "letzter kurs preis dernier cours último ultimo precio prezzo preço preco laatste koers "
        "цена",
        "nav nav_per_share net_asset_value unit_price market_price rate exchange_rate fx_rate",
    ),
    "adj_close": (
        "adj_close adjclose adjusted_close adjusted close_adj closeadj adjustmentclose "
        "adjustment_close adj_schlusskurs adj_schluss "
        "clôture_ajustée cierre_ajustado",
    ),
    "volume": (
        "umsatz_in_stück stück stücke stuecke",
        "volume volumen volumi wolumen объём объем 成交量 成交股數 出来高 거래량",
        "number_of_shares no_of_shares nombre_de_titres",
        "ttltradgvol ttl_trd_qnty tottrdqty vol total_volume total_volumes px_volume v",
        "tickvol tick_volume",
    ),
}
"""Vendors' names for each of our columns, in several languages, the clearest first."""
_ALL_NAMES = {name for tiers in _USUAL_NAMES.values() for tier in tiers for name in tier.split()}
_TICKERS_TOO = {"bas"}
"""Names that, in capitals, are more likely a symbol."""
_UNNAMED = re.compile(r"column \d+")
_NO_SYMBOLS = (
    "id index row no nr time year month day notes comment bid ask mid spread nav aum ltp vwap oi "
    "yield change return open high low adj_close adjclose adjusted_close close_adj volume volumen "
    "eröffnung ouverture flags total sum average mean summe"
)


def distinct(titles: Sequence[str]) -> list[str]:
    """Make titles unique: one without a name becomes `column 3`, a repeated one `Close (2)`."""
    found: list[str] = []
    for number, title in enumerate(titles, start=1):
        name = title.strip() or f"column {number}"
        again = 2
        while name in found:
            name, again = f"{title.strip()} ({again})", again + 1
        found.append(name)
    return found


def is_unnamed(title: str) -> bool:
    """Whether a column got its name from `distinct`."""
    return _UNNAMED.fullmatch(title) is not None


def usual_columns(ours: str, titles: Sequence[str]) -> list[str]:
    """The columns that may be one of ours, by the clearest of vendors' names for it.

    The symbol may lie in an object of each row, under a name such as `instrument.symbol`.
    """
    for names in _USUAL_NAMES[ours]:
        if found := [title for title in titles if _is_among(title, names)]:
            return found
    if ours == "symbol":
        inner = {title: title.rpartition(".")[2] for title in titles if "." in title}
        for names in _USUAL_NAMES[ours]:
            if found := [title for title, last in inner.items() if _is_among(last, names)]:
                return found
    return [title for title in titles[:1] if ours == "date" and title == "column 1"]


@lru_cache(100_000)  # the same cells are checked for each delimiter
def value_named(title: str) -> str | None:
    """Which of our value columns a title names, if any."""
    return next(
        (ours for ours in VALUES if any(_is_among(title, tier) for tier in _USUAL_NAMES[ours])),
        None,
    )


def _is_among(title: str, names: str) -> bool:
    plain = plain_title(title)
    return plain in names.split() and not (plain in _TICKERS_TOO and is_code(title))


@lru_cache(100_000)
def plain_title(title: str) -> str:
    """A title without case, number and marks: `<Adj Close>` and `5. adjusted close` are equal."""
    return re.sub(r"^(\d+_)|[\W_]+", "_", re.sub(r"[\W_]+", "_", title.lower())).strip("_")


def is_usual(title: str) -> bool:
    """Whether a title is some vendor's name for one of our columns."""
    return plain_title(title) in _ALL_NAMES


_TUPLE = re.compile(r"\('([^']+)', '([^']+)'\)")


def is_tuple(title: str) -> bool:
    """Whether a title is a pair as Python writes it, which pandas makes from two lines."""
    return _TUPLE.fullmatch(title) is not None


def parts_of(title: str) -> list[tuple[str, str]]:
    """The ways to split a title in two, at a mark or as a pair."""
    if pair := _TUPLE.fullmatch(title):
        return [(pair[1], pair[2])]
    marks = re.finditer(r"[._ ]", title)
    return [(title[: mark.start()], title[mark.end() :]) for mark in marks]


def is_code(title: str) -> bool:
    """Whether a title is written the way exchanges write symbols: in capital letters, perhaps with
    digits and marks."""
    return re.fullmatch(r"(?=.*[A-Z])[A-Z0-9^][A-Z0-9.:=^_-]*", title) is not None


def is_no_symbol(title: str) -> bool:
    """Whether a title clearly names something else than a symbol."""
    plain = plain_title(title)
    return plain in _NO_SYMBOLS.split() or plain.endswith("_flags")


_SECURITY = re.compile(
    r"\S+( \S+)* (equity|index|comdty|curncy|corp|govt|muni|mtge|pfd|m-mkt)", re.IGNORECASE
)


def is_security(title: str) -> bool:
    """Whether a title is written the way Bloomberg writes securities, such as AAPL US Equity."""
    return _SECURITY.fullmatch(title) is not None
