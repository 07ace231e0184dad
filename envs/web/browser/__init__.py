"""A pool of browser sessions for agents: pages of this process, seen as text and used by BrowserGym's actions."""

from agentrl.envs.web.browser.pool import Browsers, browsers
from agentrl.envs.web.browser.session import Session, View
from agentrl.envs.web.browser.sites import Answer, Request, Site, files

__all__ = ["Answer", "Browsers", "Request", "Session", "Site", "View", "browsers", "files"]
