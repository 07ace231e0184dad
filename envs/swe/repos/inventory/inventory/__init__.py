"""Stock and orders of a small warehouse."""

from inventory.articles import Article, Catalogue, UnknownArticleError, check_digit, valid_number
from inventory.orders import Order, OrderLine, StateError
from inventory.pricing import PriceList, Promotion
from inventory.reports import abc_classes, age_report, movements, reorder_list, valuation
from inventory.reservations import Reservation, Reservations
from inventory.stock import Lot, OutOfStockError, Stock
from inventory.warehouse import Warehouse

__all__ = [
    "Article",
    "Catalogue",
    "Lot",
    "Order",
    "OrderLine",
    "OutOfStockError",
    "PriceList",
    "Promotion",
    "Reservation",
    "Reservations",
    "StateError",
    "Stock",
    "UnknownArticleError",
    "Warehouse",
    "abc_classes",
    "age_report",
    "check_digit",
    "movements",
    "reorder_list",
    "valid_number",
    "valuation",
]
