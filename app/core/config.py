"""Settings from the environment. Names are part of the contract with who installs the product."""

from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from flex_templates import theme as themes
from flex_templates.theme import Theme

LINE_OWN_BASE = "https://api.line.me"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    line_channel_secret: SecretStr = SecretStr("")
    line_channel_access_token: SecretStr = SecretStr("")
    line_api_base: str = LINE_OWN_BASE
    line_login_channel_id: str = ""
    liff_id: str = ""
    line_basic_id: str = ""  # @…: links that open the chat
    database_url: str = "sqlite:///regulars.db"
    brand_name: str = "熟客商店"
    brand_theme: str = "camphor"  # camphor, camellia, indigo or roast
    public_base_url: str = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr("")
    tz: str = "Asia/Taipei"
    regulars_clock: str = ""
    # The plan with LINE: messages a month that cost nothing, and NT$ for each one more.
    line_free_messages: int = Field(6_000, ge=0)
    line_message_price: Decimal = Field(Decimal("0.2"), ge=0, le=10)
    regulars_demo: bool = False
    # Let webhooks go to http:// and to addresses of the own network: for tests and the demo only.
    regulars_hooks_private: bool = False
    regulars_sms_url: str = ""  # where one-time passwords are posted; see app/line/sms.py
    regulars_sms_token: SecretStr = SecretStr("")
    # What a clerk's page may keep while the network is lost: NT$ of one sale, how many sales and
    # how much NT$ a device keeps and a clerk brings in a day, hours until it is too late.
    offline_sale_max: int = Field(20_000, ge=1, le=2_000_000)
    offline_sales: int = Field(50, ge=0, le=1_000)
    offline_amount: int = Field(200_000, ge=0, le=100_000_000)
    offline_hours: int = Field(72, ge=1, le=168)

    @property
    def is_real_line(self) -> bool:
        return self.line_api_base.rstrip("/") == LINE_OWN_BASE

    @property
    def line_data_base(self) -> str:
        """Content and pictures live on a second host at LINE, on the same base elsewhere."""
        return "https://api-data.line.me" if self.is_real_line else self.line_api_base.rstrip("/")

    @property
    def theme(self) -> Theme:
        """How the brand's messages look, and the name they carry."""
        return themes.named(self.brand_theme, brand=self.brand_name)

    @property
    def offline_lasts(self) -> timedelta:
        return timedelta(hours=self.offline_hours)

    @property
    def cookies_are_secure(self) -> bool:
        return self.public_base_url.startswith("https://")

    def missing(self) -> list[str]:
        """Names of the settings without which `serve` must not start."""
        needed = {
            "LINE_CHANNEL_SECRET": self.line_channel_secret.get_secret_value(),
            "LINE_CHANNEL_ACCESS_TOKEN": self.line_channel_access_token.get_secret_value(),
            "SECRET_KEY": self.secret_key.get_secret_value(),
        }
        return [name for name, value in needed.items() if not value]


@lru_cache
def settings() -> Settings:
    return Settings()
