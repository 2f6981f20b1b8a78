"""The benefits of a tier to choose from, as messages and pages say them."""

from app.benefits.queries import ChoiceShown
from app.benefits.rules import BenefitRefused
from app.line import taps
from flex_templates.benefits import ChoiceView, OptionView
from flex_templates.parts import Press


def sentence(refused: BenefitRefused) -> str:
    """Why a benefit cannot be chosen, for the member."""
    match refused.reason:
        case "claimed":
            name = refused.facts.get("name")
            return f"這一期已經選過「{name}」，不能更改。" if name else "這一期已經選過了。"
        case "gone":
            return "這一項的優惠券已經發完，請選別項。"
        case _:
            return "您目前的等級沒有這項權益。"


def view(shown: ChoiceShown) -> ChoiceView:
    choice = shown.choice
    return ChoiceView(
        name=choice.name,
        period=shown.period,
        until=shown.until,
        options=tuple(
            OptionView(
                item.option.name,
                item.gives,
                Press(
                    taps.AskBenefit(choice.code, item.option.code).pack(),
                    says=f"選 {item.option.name}",
                ),
            )
            for item in shown.options
        ),
        chosen="" if shown.claimed is None else shown.claimed.option_name,
    )
