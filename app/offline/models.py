"""How much each clerk brought in that was typed without network: the row that makes a cap hold."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Table, table_of


class OfflineDay(Table):
    """Sales of one Taipei day that a clerk's page kept while the network was lost."""

    __tablename__ = "offline_days"

    staff_id: Mapped[int] = mapped_column(sa.ForeignKey("staff.id"), primary_key=True)
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)  # of the sales
    sales: Mapped[int] = mapped_column(sa.Integer)
    amount: Mapped[int] = mapped_column(sa.BigInteger)  # NT$


OFFLINE_DAYS = table_of(OfflineDay)
