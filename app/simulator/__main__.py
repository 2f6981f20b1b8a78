"""Run the simulator alone: `python -m app.simulator --port 9000 --webhook URL ...`."""

import argparse

import uvicorn

from app.simulator.app import create_simulator
from app.simulator.config import SimulatorConfig


def main() -> None:
    options = _options()
    config = SimulatorConfig(
        channel_secret=options.secret,
        channel_access_token=options.token,
        webhook_url=options.webhook,
        bot_name=options.bot_name,
        login_channel_id=options.login_channel,
        liff_id=options.liff_id,
        liff_endpoint=options.liff_endpoint,
        any_user=options.any_user,
        rate_limits=not options.no_rate_limits,
        monthly_quota=options.quota,
        webhook_timeout=options.webhook_timeout,
        redelivery_attempts=options.redeliver,
        allow_http_loopback=not options.https_only,
    )
    uvicorn.run(
        create_simulator(config),
        host=options.host,
        port=options.port,
        access_log=False,
        log_level="warning",
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--webhook", default="", help="where webhooks go")
    parser.add_argument("--secret", default=SimulatorConfig().channel_secret)
    parser.add_argument("--token", default=SimulatorConfig().channel_access_token)
    parser.add_argument("--bot-name", default="Regulars")
    parser.add_argument("--login-channel", default=SimulatorConfig().login_channel_id)
    parser.add_argument("--liff-id", default="")
    parser.add_argument("--liff-endpoint", default="", help="where LIFF pages live")
    parser.add_argument("--any-user", action="store_true", help="every user id is a friend")
    parser.add_argument("--no-rate-limits", action="store_true")
    parser.add_argument("--quota", type=int, default=None, help="messages a month")
    parser.add_argument("--webhook-timeout", type=float, default=2.0, help="seconds")
    parser.add_argument("--redeliver", type=int, default=0, help="attempts after a failed webhook")
    parser.add_argument("--https-only", action="store_true", help="as LINE: no http on loopback")
    return parser.parse_args()


if __name__ == "__main__":
    main()
