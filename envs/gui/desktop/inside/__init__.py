"""What runs in the sandbox: starts the desktop and does what the host asks of it.

Handed over as a zip file for the Python of the image, Debian's, with python3-gi and python3-xlib: it imports nothing
else of agentrl.
"""
