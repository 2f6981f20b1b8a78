"""The text of the SMS."""

from app.verifications.rules import CODE_LIFE


def code(brand: str, code: str) -> str:
    """One SMS of 70 characters at most for brand names up to 20 characters."""
    minutes = int(CODE_LIFE.total_seconds()) // 60
    return f"【{brand[:20]}】驗證碼 {code}，{minutes} 分鐘內有效。請勿提供給他人。"
