import Digests
import Logging
import Scheduling
import Transport
import WireProtocol

/// What the coordinator tells workers about the work they have: to give it back, to drop it, to send
/// what they kept.
extension RunServer {
    /// Carries out an action that concerns work which is out already.
    func steer(_ action: SchedulerAction) {
        switch action {
        case .revoke(let worker, let lease, let perturbations):
            let part = LeasePart(
                lease: lease.rawValue,
                perturbations: perturbations.map(\.rawValue)
            )
            events.note("revoke", description(of: part, worker.rawValue))
            send(.revoke(part), to: worker.rawValue)
        case .cancel(let worker, let lease, let perturbation):
            let part = LeasePart(lease: lease.rawValue, perturbations: [perturbation.rawValue])
            events.note("cancel", description(of: part, worker.rawValue))
            send(
                .cancel(lease: lease.rawValue, perturbation: perturbation.rawValue),
                to: worker.rawValue
            )
        case .answerOffer(let worker, let verdict):
            answer(verdict, to: worker.rawValue)
        case .endProcess(let worker, let perturbation, let reason):
            endProcess(worker.rawValue, perturbation.rawValue, reason)
        case .closeWorker(let worker, let reason):
            close(worker.rawValue, reason)
        default:
            return
        }
    }

    /// Passes on that units were given back.
    func returned(_ part: LeasePart, by id: UInt64) {
        events.note("returned", description(of: part, id))
        tell(
            .returned(
                WorkerID(id),
                LeaseID(part.lease),
                part.perturbations.map { PerturbationIndex($0) }
            )
        )
    }

    /// Passes on what a worker kept from an earlier connection.
    func offered(_ rows: [OfferedRow], by id: UInt64) {
        tell(
            .rowsOffered(
                WorkerID(id),
                rows.map { row in
                    OfferedUnit(
                        perturbation: PerturbationIndex(row.perturbation),
                        digest: row.digest.map { Digest128(high: $0.high, low: $0.low) }
                    )
                }
            )
        )
    }

    private func answer(_ verdict: OfferVerdict, to id: UInt64) {
        events.note(
            "rows_offered",
            [
                "connection": "\(id)", "wanted": list(verdict.wanted),
                "durable": list(verdict.durable), "kept": list(verdict.kept),
                "unneeded": list(verdict.unneeded),
            ]
        )
        // What is safe already is said first, so that the worker has its place for other rows.
        if !verdict.durable.isEmpty {
            send(
                .rowsDurable(perturbations: verdict.durable.map(\.rawValue), creditBytes: 0),
                to: id
            )
        }
        for perturbation in verdict.kept {
            keepersOfRow[perturbation.rawValue, default: []].append(id)
        }
        send(
            .offerAnswer(
                OfferAnswer(
                    lease: verdict.lease?.rawValue ?? 0,
                    wanted: verdict.wanted.map(\.rawValue),
                    unneeded: verdict.unneeded.map(\.rawValue)
                )
            ),
            to: id
        )
    }

    /// Ends a process one of whose fits does not end.
    private func endProcess(_ id: UInt64, _ perturbation: UInt32, _ reason: String) {
        log.error(
            "ending a worker process",
            metadata: [
                "worker": "\(connections[id]?.name ?? "?")", "perturbation": "\(perturbation)",
                "why": "\(reason)",
            ]
        )
        events.note(
            "process_ended",
            ["connection": "\(id)", "perturbation": "\(perturbation)", "why": reason]
        )
        send(.endProcess(reason: "perturbation \(perturbation): \(reason)"), to: id)
        connections[id]?.link.close()
        localWorkers?.end(id)
    }

    private func close(_ id: UInt64, _ reason: CloseReason) {
        switch reason {
        case .runIsEnding:
            send(.finish(reason: "\(reason)"), to: id)
        case .silent, .superseded:
            // The process may well be alive: it is welcome back in a new session.
            events.note("session_ended", ["connection": "\(id)", "why": "\(reason)"])
            noteSilence(id, reason)
        }
        connections[id]?.link.close()
    }

    /// Takes note of a perturbation that is given up.
    func lose(
        _ perturbation: PerturbationIndex,
        _ kind: LostPerturbation.Kind,
        _ reasons: [String]
    ) {
        log.error(
            "a perturbation is given up",
            metadata: [
                "perturbation": "\(perturbation.rawValue)", "kind": "\(kind)",
                "reasons": "\(reasons.joined(separator: "; "))",
            ]
        )
        events.note(
            "given_up",
            [
                "perturbation": "\(perturbation.rawValue)", "kind": kind.rawValue,
                "label": label(Int(perturbation.rawValue)),
                "reasons": reasons.joined(separator: "; "),
            ]
        )
        lost.append(
            LostPerturbation(
                perturbation: Int(perturbation.rawValue),
                kind: kind,
                reasons: reasons
            )
        )
    }

    /// Records that a straggler is fitted a second time.
    func noteCopy(_ lease: GrantedLease, _ id: UInt64) {
        events.note(
            "copy",
            [
                "connection": "\(id)", "lease": "\(lease.lease.rawValue)",
                "perturbations": list(lease.perturbations),
            ]
        )
    }

    private func description(of part: LeasePart, _ id: UInt64) -> [String: String] {
        [
            "connection": "\(id)", "lease": "\(part.lease)",
            "perturbations": list(part.perturbations.map { PerturbationIndex($0) }),
        ]
    }

    private func list(_ perturbations: [PerturbationIndex]) -> String {
        perturbations.map { "\($0.rawValue)" }.joined(separator: " ")
    }
}

extension Hello {
    /// The process behind the greeting, as the scheduler knows it.
    func identity(minor: UInt32) -> WorkerIdentity {
        WorkerIdentity(
            process: Digest128(high: workerID.high, low: workerID.low),
            incarnation: incarnation,
            offersRows: incarnation > 0 && minor >= 1
        )
    }
}
