import pytest

from money import Ledger, Money, UnbalancedError


def eur(amount):
    return Money.of(amount, "EUR")


@pytest.fixture
def ledger():
    made = Ledger("EUR")
    made.transfer(1, "capital", eur(100), "equity", "cash:bank")
    made.transfer(3, "till", eur(20), "cash:bank", "cash:till")
    made.post(5, "paper", {"office": eur(8), "tax": eur(2), "cash:till": eur(-10)})
    return made


def test_transfer_moves_from_source_to_target(ledger):
    assert ledger.postings[0].entries == {"cash:bank": eur(100), "equity": eur(-100)}


def test_balance_of_an_account(ledger):
    assert ledger.balance("cash:till") == eur(10)
    assert ledger.balance("equity") == eur(-100)


def test_balance_includes_accounts_below(ledger):
    assert ledger.balance("cash") == eur(90)


def test_balance_ignores_accounts_that_only_begin_alike(ledger):
    assert ledger.balance("cas") == eur(0)


def test_balance_at_the_end_of_a_day(ledger):
    assert ledger.balance("cash:bank", until=2) == eur(100)
    assert ledger.balance("cash:bank", until=3) == eur(80)


def test_entries_must_balance(ledger):
    with pytest.raises(UnbalancedError, match="off by 5 minor units"):
        ledger.post(6, "slip", {"a": eur(1), "b": eur("-0.95")})
    assert len(ledger.postings) == 3


def test_posting_needs_two_entries(ledger):
    with pytest.raises(UnbalancedError, match="at least two"):
        ledger.post(6, "nothing", {"a": eur(0)})


def test_postings_are_kept_by_day(ledger):
    ledger.transfer(2, "late", eur(1), "a", "b")
    ledger.transfer(3, "later", eur(1), "a", "b")
    assert [posting.text for posting in ledger.postings] == ["capital", "late", "till", "later", "paper"]


def test_statement_runs_a_balance(ledger):
    assert ledger.statement("cash:till") == [(3, "till", eur(20), eur(20)), (5, "paper", eur(-10), eur(10))]
    assert ledger.statement("cash") == []


def test_reversal_undoes_a_posting(ledger):
    ledger.reverse(ledger.postings[2], 9)
    assert ledger.postings[-1].text == "reversal of paper"
    assert ledger.balance("cash:till") == eur(20)
    assert ledger.balance("tax") == eur(0)


def test_trial_balance_leaves_out_even_accounts(ledger):
    ledger.transfer(6, "close", eur(2), "tax", "equity")
    assert ledger.trial_balance() == {
        "cash:bank": eur(80),
        "cash:till": eur(10),
        "equity": eur(-98),
        "office": eur(8),
    }
    assert list(ledger.trial_balance()) == sorted(ledger.trial_balance())


def test_trial_balance_adds_up_to_nothing(ledger):
    assert sum(amount.minor for amount in ledger.trial_balance().values()) == 0
