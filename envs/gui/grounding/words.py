"""What generated pages say."""

from __future__ import annotations

ICONS = {
    "save": "M4 4h13l3 3v13H4zM8 4v5h8V4M8 20v-6h8v6",
    "print": "M7 8V3h10v5M7 17H4V8h16v9h-3M7 14h10v7H7z",
    "search": "M10 4a6 6 0 1 0 .1 0M14.5 14.5L21 21",
    "home": "M3 12l9-8 9 8M6 10v10h12V10",
    "undo": "M8 5L3 10l5 5M3 10h11a6 6 0 0 1 0 11h-3",
    "trash": "M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14",
    "mail": "M3 5h18v14H3zM3 6l9 7 9-7",
    "user": "M12 4a4 4 0 1 0 .1 0M4 21c1-5 4-7 8-7s7 2 8 7",
    "clock": "M12 3a9 9 0 1 0 .1 0M12 7v6l4 2",
    "lock": "M5 11h14v10H5zM8 11V7a4 4 0 0 1 8 0v4",
    "star": "M12 3l3 6 6 1-5 4 2 7-6-4-6 4 2-7-5-4 6-1z",
    "heart": "M12 20C2 13 3 5 8 5c2 0 4 2 4 4 0-2 2-4 4-4 5 0 6 8-4 15",
    "download": "M12 3v12M7 10l5 5 5-5M4 20h16",
    "picture": "M3 5h18v14H3zM3 17l6-6 5 5 3-3 4 4",
    "flag": "M5 21V4h13l-3 4 3 4H5",
    "pen": "M4 20l1-5L16 4l4 4L9 19z",
}
"""Name → path of a drawing of 24 by 24."""
SECTIONS = ("Orders", "Messages", "Reports", "People", "Storage", "Billing", "Calendar", "Projects", "Archive", "Help")
FIELDS = ("First name", "Last name", "Street", "Postal code", "City", "Country", "Phone", "E-mail", "Company", "Note")
CHOICES = ("Send a copy to me", "Urgent", "Gift wrapping", "Remember my choice", "Read the terms", "Quiet delivery")
STOCK = (
    "Olive oil",
    "Desk lamp",
    "Green tea",
    "Notebook",
    "Wool socks",
    "Bread knife",
    "Rain coat",
    "Teapot",
    "Candles",
)
OFFERS = ("Blue vase", "Bicycle bell", "Garden hose", "Paper clips", "Sun hat", "Wall clock", "Cork board")
ACTIONS = ("Edit", "Copy", "Remove", "Share", "Open", "Rename")
COLOURS = {
    "red": "#d62728",
    "orange": "#ff7f0e",
    "yellow": "#f2d13a",
    "green": "#2ca02c",
    "blue": "#1f5fd0",
    "purple": "#8e44ad",
    "pink": "#f49ac2",
    "brown": "#7b4f2c",
    "grey": "#8a8a8a",
    "black": "#111111",
}
MONTHS = ("March", "April", "May", "June", "September", "October", "November")
