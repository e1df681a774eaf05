"""A service on paper: what the plan asks for has taken effect at the next moment."""

from dataclasses import dataclass, field, replace

from trellis.rollout.plan import Decision, GatewaysSeen
from trellis.rollout.seen import RevisionSeen, ServiceSeen

STABLE, CANARY = "stable", "canary"


@dataclass(frozen=True)
class PaperService:
    """Two versions, both ready; ``rolled_out`` holds what the canary's ``weight`` leaves."""

    weight: int | None = 0
    rolled_out: str = STABLE
    gateways: GatewaysSeen = field(default_factory=GatewaysSeen)

    def after(self, decision: Decision) -> "PaperService":
        """When all that was decided has been done."""
        gateways = replace(self.gateways, hosts=decision.table)
        if decision.field == "absent":
            return PaperService(None, CANARY, gateways)
        weight = self.weight if decision.field == "leave" else decision.field
        return PaperService(weight, self.rolled_out, gateways)

    def seen(self) -> ServiceSeen:
        """As a cluster would tell."""
        canary = 100 if self.rolled_out == CANARY else self.weight or 0
        return ServiceSeen(
            name="simulated",
            token=f"{self.weight}",
            wanted_version=CANARY,
            wanted_identity=CANARY,
            created=CANARY,
            ready=CANARY,
            rolled_out=self.rolled_out,
            weight=self.weight,
            weight_owner="nobody" if self.weight is None else "us",
            revisions={
                name: RevisionSeen(name, name, name, created, ready=True)
                for name, created in ((STABLE, 0.0), (CANARY, 1.0))
            },
            traffic={CANARY: canary, STABLE: 100 - canary},
        )
