"""What stands on the panel."""

PROGRAMS = {
    "Files": ["thunar"],
    "Text Editor": ["mousepad"],
    "Spreadsheet": ["gnumeric"],
    "Calculator": ["galculator"],
    "Terminal": ["lxterminal"],
    "Image Viewer": ["ristretto"],
    "Web Browser": ["chromium"],
}
"""By the name on the button: the command."""
