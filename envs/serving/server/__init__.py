"""The environment server of `agentrl serve`; the protocol is PROTOCOL.md.

HTTP (v1, openenv_http, mcp) ─┐
                              ├─► Sessions ─► Holder: environments in this process
WebSocket (websocket) ────────┘            └► WorkerHolder ─► a Holder in another process
"""
