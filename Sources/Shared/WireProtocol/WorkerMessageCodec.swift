internal import FoundationEssentials
package import NIOCore
internal import SwiftProtobuf

extension WorkerMessage {
    package func encoded() throws(WireProtocolError) -> EncodedFrame {
        if case .row(let chunk) = self {
            return try chunk.encoded()
        }
        var control = ProtoWorkerControl()
        control.message = try message()
        return try EncodedFrame(control: ControlCodec.bytes(of: control))
    }

    package static func decode(control body: [UInt8]) throws(WireProtocolError) -> WorkerMessage {
        let control: ProtoWorkerControl = try ControlCodec.message(from: body)
        guard let message = control.message else { throw .unknownMessage }
        switch message {
        case .hello(let proto): return .hello(try Hello(proto))
        case .fetch(let proto): return .fetch(try ResourceRequest(proto))
        case .started(let proto):
            return .started(lease: proto.lease, perturbation: proto.perturbation)
        case .fitFailed(let proto):
            try FieldRules(message: "fit_failed").text(proto.reason, "reason")
            return .fitFailed(
                lease: proto.lease,
                perturbation: proto.perturbation,
                reason: proto.reason
            )
        case .heartbeat(let proto):
            let heartbeat = WorkerHeartbeat(
                finishedPerturbations: proto.finishedPerturbations,
                runningPerturbations: proto.runningPerturbations,
                residentBytes: proto.residentBytes
            )
            try heartbeat.validate()
            return .heartbeat(heartbeat)
        case .goodbye(let proto):
            try FieldRules(message: "goodbye").text(proto.reason, "reason")
            return .goodbye(reason: proto.reason)
        case .childExited(let proto): return .childExited(try ChildExit(proto))
        case .returned(let proto):
            let part = LeasePart(lease: proto.lease, perturbations: proto.perturbations)
            try part.validate(in: "returned")
            return .returned(part)
        case .rowsOffered(let proto): return .rowsOffered(try Self.offered(proto))
        }
    }

    package static func decode(bulk body: ByteBuffer) throws(WireProtocolError) -> WorkerMessage {
        .row(try RowChunk(body: body))
    }

    private func message() throws(WireProtocolError) -> ProtoWorkerControl.OneOf_Message? {
        switch self {
        case .hello(let hello):
            try hello.validate()
            return .hello(hello.proto)
        case .fetch(let request):
            try request.validate()
            return .fetch(request.proto)
        case .started(let lease, let perturbation):
            return .started(
                .with {
                    $0.lease = lease
                    $0.perturbation = perturbation
                }
            )
        case .row:
            return nil
        case .fitFailed(let lease, let perturbation, let reason):
            return .fitFailed(
                .with {
                    $0.lease = lease
                    $0.perturbation = perturbation
                    $0.reason = FreeText.clipped(reason)
                }
            )
        case .heartbeat(let heartbeat):
            try heartbeat.validate()
            return .heartbeat(
                .with {
                    $0.finishedPerturbations = heartbeat.finishedPerturbations
                    $0.runningPerturbations = heartbeat.runningPerturbations
                    $0.residentBytes = heartbeat.residentBytes
                }
            )
        case .goodbye(let reason):
            return .goodbye(.with { $0.reason = FreeText.clipped(reason) })
        case .childExited(let exit):
            return .childExited(try exit.proto())
        case .returned(let part):
            try part.validate(in: "returned")
            return .returned(
                .with {
                    $0.lease = part.lease
                    $0.perturbations = part.perturbations
                }
            )
        case .rowsOffered(let rows):
            try OfferedRow.validate(rows)
            return .rowsOffered(
                .with { offer in
                    offer.rows = rows.map { row in
                        .with {
                            $0.perturbation = row.perturbation
                            if let digest = row.digest { $0.digest = Data(digest.bytes) }
                        }
                    }
                }
            )
        }
    }

    private static func offered(
        _ proto: ProtoRowsOffered
    ) throws(WireProtocolError) -> [OfferedRow] {
        let rules = FieldRules(message: "rows_offered")
        try rules.count(proto.rows.count, "rows", atMost: ProtocolLimits.offeredRows)
        var rows: [OfferedRow] = []
        for row in proto.rows {
            let digest = row.digest.isEmpty ? nil : try rules.bytes16(row.digest, "digest")
            rows.append(OfferedRow(perturbation: row.perturbation, digest: digest))
        }
        try OfferedRow.validate(rows)
        return rows
    }
}

extension Hello {
    fileprivate init(_ proto: ProtoHello) throws(WireProtocolError) {
        let rules = FieldRules(message: "hello")
        guard proto.protocolMajor == ProtocolVersion.major else {
            self.init(
                protocolMajor: proto.protocolMajor,
                protocolMinor: proto.protocolMinor,
                build: proto.build,
                role: .fitter,
                workerID: Bytes16(high: 0, low: 0),
                host: "",
                processID: 0,
                threads: 0,
                memoryBytes: 0
            )
            try validate()
            return
        }
        let role: WorkerRole
        switch proto.role {
        case .fitter: role = .fitter
        case .supervisor: role = .supervisor
        default: throw rules.invalid("role", "\(proto.role.rawValue) is no role")
        }
        self.init(
            protocolMajor: proto.protocolMajor,
            protocolMinor: proto.protocolMinor,
            build: proto.build,
            role: role,
            workerID: try rules.bytes16(proto.workerID, "worker_id"),
            incarnation: proto.incarnation,
            host: proto.host,
            processID: proto.processID,
            threads: proto.threads,
            memoryBytes: proto.memoryBytes,
            numaNode: proto.hasNumaNode ? proto.numaNode : nil,
            runID: proto.hasRunID ? try rules.bytes16(proto.runID, "run_id") : nil
        )
        try validate()
    }

    fileprivate var proto: ProtoHello {
        .with {
            $0.protocolMajor = protocolMajor
            $0.protocolMinor = protocolMinor
            $0.build = build
            $0.role = role == .fitter ? .fitter : .supervisor
            $0.workerID = Data(workerID.bytes)
            $0.incarnation = incarnation
            $0.host = host
            $0.processID = processID
            $0.threads = threads
            $0.memoryBytes = memoryBytes
            if let numaNode {
                $0.numaNode = numaNode
            }
            if let runID {
                $0.runID = Data(runID.bytes)
            }
        }
    }
}

extension ResourceRequest {
    fileprivate init(_ proto: ProtoResourceRequest) throws(WireProtocolError) {
        self.init(
            request: proto.request,
            name: proto.name,
            offset: proto.offset,
            length: proto.length
        )
        try validate()
    }

    fileprivate var proto: ProtoResourceRequest {
        .with {
            $0.request = request
            $0.name = name
            $0.offset = offset
            $0.length = length
        }
    }
}

extension ChildExit {
    fileprivate init(_ proto: ProtoChildExited) throws(WireProtocolError) {
        let rules = FieldRules(message: "child_exited")
        let status: ChildStatus
        switch proto.status {
        case .exitCode(let code): status = .exited(code: code)
        case .signal(let number): status = .signalled(number: number)
        case nil: throw rules.invalid("status", "missing")
        }
        self.init(
            workerID: try rules.bytes16(proto.workerID, "worker_id"),
            description: proto.description_p,
            status: status
        )
        try validate()
    }

    fileprivate func proto() throws(WireProtocolError) -> ProtoChildExited {
        var cleaned = self
        cleaned.description = FreeText.clipped(description)
        try cleaned.validate()
        return .with {
            $0.workerID = Data(cleaned.workerID.bytes)
            $0.description_p = cleaned.description
            switch cleaned.status {
            case .exited(let code): $0.exitCode = code
            case .signalled(let number): $0.signal = number
            }
        }
    }
}
