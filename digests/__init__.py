"""The digest: what changed among the KPIs, sent to a person by mail and chat, daily or weekly (docs/digest.md).

The rows of DigestSending are the queue. `queue.open_due` enters what is due, `sending.send_next` sends it once.
"""
