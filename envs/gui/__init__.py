"""Programs with a graphical surface: a whole desktop, and pointing at what is on a screen."""
