from teleservices.models.anomalies import Anomaly, AnomalyStep
from teleservices.models.batches import NationalBatch, NationalBatchLine
from teleservices.models.calls import OPERATIONS, TeleserviceAttempt, TeleserviceCall
from teleservices.models.catalogue import CallLimit, RetryPolicy, ReturnCode
from teleservices.models.certificates import (
    ExpiryWarning,
    RefusedCertificate,
    SoftwareCertificate,
    TrustedAuthority,
)
from teleservices.models.channels import ChannelRule, Circuit, MaintenanceWindow
from teleservices.models.connection import ConnectionMilestone, ConnectionPlan, ConnectionTest
from teleservices.models.perimeter import Perimeter, PerimeterAmc
from teleservices.models.retention import RetentionRule
from teleservices.models.webhooks import Webhook, WebhookMessage

__all__ = [
    "OPERATIONS",
    "Anomaly",
    "AnomalyStep",
    "CallLimit",
    "ChannelRule",
    "Circuit",
    "ConnectionMilestone",
    "ConnectionPlan",
    "ConnectionTest",
    "ExpiryWarning",
    "MaintenanceWindow",
    "NationalBatch",
    "NationalBatchLine",
    "Perimeter",
    "PerimeterAmc",
    "RefusedCertificate",
    "RetentionRule",
    "RetryPolicy",
    "ReturnCode",
    "SoftwareCertificate",
    "TeleserviceAttempt",
    "TeleserviceCall",
    "TrustedAuthority",
    "Webhook",
    "WebhookMessage",
]
