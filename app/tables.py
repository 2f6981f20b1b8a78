"""Every table, for migrations and tests: importing this fills the metadata. Nothing else."""

import app.attention.models
import app.benefits.models
import app.campaigns.models
import app.cards.models
import app.coupons.models
import app.cutoffs.models
import app.draws.models
import app.enrolments.models
import app.firings.models
import app.imports.models
import app.inbox.models
import app.invoices.models
import app.journeys.models
import app.lifecycle.models
import app.lookups.models
import app.members.models
import app.mergers.models
import app.missions.models
import app.offline.models
import app.outbox.models
import app.points.models
import app.programmes.models
import app.purchases.models
import app.referrals.models
import app.rewards.models
import app.richmenus.models
import app.rights.models
import app.segments.models
import app.staff.models
import app.stamps.models
import app.tags.models
import app.tiers.models
import app.timeline.models
import app.verifications.models
import app.visits.models  # noqa: F401
