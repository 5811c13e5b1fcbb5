from admissions.models.amo import AmoAcceptance, AmoAnswer, AmoDifference, AmoPeriod
from admissions.models.coverage import Card, Coverage, Rights
from admissions.models.downtime import ReservedNumber
from admissions.models.events import AdmissionEvent, EventDelivery
from admissions.models.identity import IdentityChange, IdentityDocumentKind, InsProposal, InsRecord
from admissions.models.matching import PatientMatchKey
from admissions.models.merging import PatientMerge, PatientMove
from admissions.models.pairs import PairSweep, PatientPair
from admissions.models.patients import Patient, PatientNameToken
from admissions.models.protection import BrokenGlass
from admissions.models.readings import CardReading, CardTally
from admissions.models.stays import Movement, ParticularRequest, Stay, Unit

__all__ = [
    "AdmissionEvent",
    "AmoAcceptance",
    "AmoAnswer",
    "AmoDifference",
    "AmoPeriod",
    "BrokenGlass",
    "Card",
    "CardReading",
    "CardTally",
    "Coverage",
    "EventDelivery",
    "IdentityChange",
    "IdentityDocumentKind",
    "InsProposal",
    "InsRecord",
    "Movement",
    "PairSweep",
    "ParticularRequest",
    "Patient",
    "PatientMatchKey",
    "PatientMerge",
    "PatientMove",
    "PatientNameToken",
    "PatientPair",
    "ReservedNumber",
    "Rights",
    "Stay",
    "Unit",
]
