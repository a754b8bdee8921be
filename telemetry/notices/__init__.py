"""Notices: what people are told by mail and chat, once an incident.

Whatever finds an incident opens it (`incidents.open_incident`) and says when it is over. `sending.send_due` sends what
is open and was not told yet, from a task and never from a request.
"""
