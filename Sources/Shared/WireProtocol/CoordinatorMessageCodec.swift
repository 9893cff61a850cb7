internal import FoundationEssentials
package import NIOCore
internal import SwiftProtobuf

extension CoordinatorMessage {
    package func encoded() throws(WireProtocolError) -> EncodedFrame {
        if case .resourceChunk(let chunk) = self {
            return try chunk.encoded()
        }
        var control = ProtoCoordinatorControl()
        control.message = try message()
        return try EncodedFrame(control: ControlCodec.bytes(of: control))
    }

    package static func decode(
        control body: [UInt8]
    ) throws(WireProtocolError)
        -> CoordinatorMessage
    {
        let control: ProtoCoordinatorControl = try ControlCodec.message(from: body)
        guard let message = control.message else { throw .unknownMessage }
        switch message {
        case .welcome(let proto): return .welcome(try Welcome(proto))
        case .refused(let proto): return .refused(try Refusal(proto))
        case .lease(let proto): return .lease(try LeaseGrant(proto))
        case .rowsDurable(let proto):
            try Self.validate(durable: proto.perturbations, creditBytes: proto.creditBytes)
            return .rowsDurable(
                perturbations: proto.perturbations,
                creditBytes: proto.creditBytes
            )
        case .resourceMissing(let proto):
            try FieldRules(message: "resource_missing").text(proto.reason, "reason")
            return .resourceMissing(request: proto.request, reason: proto.reason)
        case .heartbeat:
            return .heartbeat
        case .finish(let proto):
            try FieldRules(message: "finish").text(proto.reason, "reason")
            return .finish(reason: proto.reason)
        case .revoke(let proto):
            let part = LeasePart(lease: proto.lease, perturbations: proto.perturbations)
            try part.validate(in: "revoke")
            return .revoke(part)
        case .cancel(let proto):
            return .cancel(lease: proto.lease, perturbation: proto.perturbation)
        case .offerAnswer(let proto):
            let answer = OfferAnswer(
                lease: proto.lease,
                wanted: proto.wanted,
                unneeded: proto.unneeded
            )
            try answer.validate()
            return .offerAnswer(answer)
        case .endProcess(let proto):
            try FieldRules(message: "end_process").text(proto.reason, "reason")
            return .endProcess(reason: proto.reason)
        }
    }

    package static func decode(
        bulk body: ByteBuffer
    ) throws(WireProtocolError)
        -> CoordinatorMessage
    {
        .resourceChunk(try ResourceChunk(body: body))
    }

    private func message() throws(WireProtocolError) -> ProtoCoordinatorControl.OneOf_Message? {
        switch self {
        case .welcome(let welcome):
            try welcome.validate()
            return .welcome(welcome.proto)
        case .refused(let refusal):
            return .refused(
                .with {
                    $0.code = refusal.code.proto
                    $0.text = FreeText.clipped(refusal.text)
                }
            )
        case .resourceChunk:
            return nil
        case .lease(let lease):
            try lease.validate()
            return .lease(lease.proto)
        case .rowsDurable(let perturbations, let creditBytes):
            try Self.validate(durable: perturbations, creditBytes: creditBytes)
            return .rowsDurable(
                .with {
                    $0.perturbations = perturbations
                    $0.creditBytes = creditBytes
                }
            )
        case .resourceMissing(let request, let reason):
            return .resourceMissing(
                .with {
                    $0.request = request
                    $0.reason = FreeText.clipped(reason)
                }
            )
        case .heartbeat:
            return .heartbeat(ProtoCoordinatorHeartbeat())
        case .finish(let reason):
            return .finish(.with { $0.reason = FreeText.clipped(reason) })
        case .revoke, .cancel, .offerAnswer, .endProcess: return try messageOfMinorOne()
        }
    }

    /// The messages that version 1.1 added.
    private func messageOfMinorOne() throws(WireProtocolError)
        -> ProtoCoordinatorControl.OneOf_Message?
    {
        switch self {
        case .revoke(let part):
            try part.validate(in: name)
            return .revoke(
                .with {
                    $0.lease = part.lease
                    $0.perturbations = part.perturbations
                }
            )
        case .cancel(let lease, let perturbation):
            return .cancel(
                .with {
                    $0.lease = lease
                    $0.perturbation = perturbation
                }
            )
        case .offerAnswer(let answer):
            try answer.validate()
            return .offerAnswer(
                .with {
                    $0.lease = answer.lease
                    $0.wanted = answer.wanted
                    $0.unneeded = answer.unneeded
                }
            )
        case .endProcess(let reason):
            return .endProcess(.with { $0.reason = FreeText.clipped(reason) })
        default: return nil
        }
    }

    private static func validate(
        durable perturbations: [UInt32],
        creditBytes: UInt64
    ) throws(WireProtocolError) {
        let rules = FieldRules(message: "rows_durable")
        let most = ProtocolLimits.durablePerturbations
        try rules.count(perturbations.count, "perturbations", atMost: most)
        try rules.number(creditBytes, "credit_bytes", in: 0...ProtocolLimits.rowCreditBytes)
    }
}

extension RefusalCode {
    fileprivate init?(_ proto: ProtoRefusalCode) {
        switch proto {
        case .protocolVersion: self = .protocolVersion
        case .build: self = .build
        case .run: self = .run
        case .notAuthorised: self = .notAuthorised
        case .busy: self = .busy
        case .draining: self = .draining
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }

    fileprivate var proto: ProtoRefusalCode {
        switch self {
        case .protocolVersion: .protocolVersion
        case .build: .build
        case .run: .run
        case .notAuthorised: .notAuthorised
        case .busy: .busy
        case .draining: .draining
        }
    }
}

extension Refusal {
    fileprivate init(_ proto: ProtoRefused) throws(WireProtocolError) {
        guard let code = RefusalCode(proto.code) else {
            throw FieldRules(message: "refused").invalid(
                "code",
                "\(proto.code.rawValue) is no refusal code"
            )
        }
        self.init(code: code, text: proto.text)
        try validate()
    }
}

extension ResourceDescription {
    fileprivate init(_ proto: ProtoResource, in message: String) throws(WireProtocolError) {
        let rules = FieldRules(message: message)
        self.init(
            name: proto.name,
            bytes: proto.bytes,
            digest: try rules.bytes16(proto.digest, "resource.digest")
        )
    }

    fileprivate var proto: ProtoResource {
        .with {
            $0.name = name
            $0.bytes = bytes
            $0.digest = Data(digest.bytes)
        }
    }
}

extension Welcome {
    fileprivate init(_ proto: ProtoWelcome) throws(WireProtocolError) {
        let rules = FieldRules(message: "welcome")
        let limit = ProtocolLimits.resources
        try rules.count(proto.resources.count, "resources", atMost: limit)
        var resources: [ResourceDescription] = []
        for resource in proto.resources {
            resources.append(try ResourceDescription(resource, in: "welcome"))
        }
        self.init(
            protocolMinor: proto.protocolMinor,
            runID: try rules.bytes16(proto.runID, "run_id"),
            inputFingerprint: try rules.bytes16(proto.inputFingerprint, "input_fingerprint"),
            optionsDigest: try rules.bytes16(proto.optionsDigest, "options_digest"),
            optionsJSON: [UInt8](proto.optionsJson),
            rowSchemaVersion: proto.rowSchemaVersion,
            method: proto.method,
            geneCount: proto.geneCount,
            rowBytes: proto.rowBytes,
            heartbeatMilliseconds: proto.heartbeatMilliseconds,
            silenceMilliseconds: proto.silenceMilliseconds,
            rowCreditBytes: proto.rowCreditBytes,
            resources: resources
        )
        try validate()
    }

    fileprivate var proto: ProtoWelcome {
        .with {
            $0.protocolMinor = protocolMinor
            $0.runID = Data(runID.bytes)
            $0.inputFingerprint = Data(inputFingerprint.bytes)
            $0.optionsDigest = Data(optionsDigest.bytes)
            $0.optionsJson = Data(optionsJSON)
            $0.rowSchemaVersion = rowSchemaVersion
            $0.method = method
            $0.geneCount = geneCount
            $0.rowBytes = rowBytes
            $0.heartbeatMilliseconds = heartbeatMilliseconds
            $0.silenceMilliseconds = silenceMilliseconds
            $0.rowCreditBytes = rowCreditBytes
            $0.resources = resources.map(\.proto)
        }
    }
}

extension LeaseGrant {
    fileprivate init(_ proto: ProtoLease) throws(WireProtocolError) {
        let rules = FieldRules(message: "lease")
        let limit = ProtocolLimits.leasedPerturbations
        try rules.count(proto.perturbations.count, "perturbations", atMost: limit)
        var perturbations: [LeasedPerturbation] = []
        for entry in proto.perturbations {
            perturbations.append(
                LeasedPerturbation(
                    index: entry.index,
                    cells: entry.cells,
                    block: try ResourceDescription(entry.block, in: "lease")
                )
            )
        }
        self.init(lease: proto.lease, solo: proto.solo, perturbations: perturbations)
        try validate()
    }

    fileprivate var proto: ProtoLease {
        .with {
            $0.lease = lease
            $0.solo = solo
            $0.perturbations = perturbations.map { entry in
                .with {
                    $0.index = entry.index
                    $0.cells = entry.cells
                    $0.block = entry.block.proto
                }
            }
        }
    }
}
