import NIOCore
import WireProtocol

/// One valid message of every kind, and the means to put them into bytes.
enum Sample {
    static let digest = Bytes16(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)
    static let worker = Bytes16(high: 0x1234_5678_9abc_4def, low: 0x8edc_ba98_7654_3210)
    static let run = Bytes16(high: 7, low: 9)

    static let hello = Hello(
        role: .fitter,
        workerID: worker,
        incarnation: 3,
        host: "node-17.cluster",
        processID: 4711,
        threads: 32,
        memoryBytes: 64 << 30,
        numaNode: 1,
        runID: run
    )

    static let resources = [
        ResourceDescription(name: "control/cache", bytes: 1 << 31, digest: digest),
        ResourceDescription(name: "size-factors.f8", bytes: 16_000_000, digest: worker),
    ]

    static let welcome = Welcome(
        runID: run,
        inputFingerprint: digest,
        optionsDigest: worker,
        optionsJSON: Array(#"{"label":"βTrCP"}"#.utf8),
        rowSchemaVersion: 1,
        method: "nb-glm",
        geneCount: 8000,
        rowBytes: 320_000,
        heartbeatMilliseconds: 5000,
        silenceMilliseconds: 60_000,
        rowCreditBytes: 16 << 20,
        resources: resources
    )

    static let lease = LeaseGrant(
        lease: 12,
        solo: false,
        perturbations: [
            LeasedPerturbation(index: 0, cells: 120, block: resources[0]),
            LeasedPerturbation(index: 9999, cells: 1, block: resources[1]),
        ]
    )

    static func payload(_ length: Int) -> ByteBuffer {
        ByteBuffer(bytes: (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
    }

    static let workerMessages: [WorkerMessage] = [
        .hello(hello),
        .fetch(ResourceRequest(request: 1, name: "control/cache", offset: 5, length: 1 << 20)),
        .started(lease: 12, perturbation: 9999),
        .row(
            RowChunk(
                lease: 12,
                perturbation: 9999,
                totalBytes: 1000,
                offset: 200,
                digest: digest,
                payload: payload(300)
            )
        ),
        .fitFailed(lease: .max, perturbation: .max, reason: "singular design"),
        .heartbeat(
            WorkerHeartbeat(
                finishedPerturbations: 77,
                runningPerturbations: [1, 2, .max],
                residentBytes: 1 << 33
            )
        ),
        .goodbye(reason: "time limit"),
        .childExited(
            ChildExit(
                workerID: worker,
                description: "killed by signal 9",
                status: .signalled(number: 9)
            )
        ),
        .childExited(ChildExit(workerID: run, description: "", status: .exited(code: 0))),
        .returned(LeasePart(lease: 12, perturbations: [9999, 0])),
        .rowsOffered([]),
        .rowsOffered([
            OfferedRow(perturbation: .max, digest: digest),
            OfferedRow(perturbation: 0, digest: nil),
        ]),
    ]

    static let coordinatorMessages: [CoordinatorMessage] =
        [
            .welcome(welcome),
            .resourceChunk(ResourceChunk(request: 1, offset: 1 << 33, payload: payload(500))),
            .lease(lease),
            .lease(LeaseGrant(lease: 1, solo: true, perturbations: [lease.perturbations[0]])),
            .rowsDurable(perturbations: [5, 0, 70_000], creditBytes: 960_000),
            .rowsDurable(perturbations: [], creditBytes: 0),
            .resourceMissing(request: 8, reason: "no such resource"),
            .heartbeat,
            .finish(reason: "complete"),
            .revoke(LeasePart(lease: 12, perturbations: [0, .max])),
            .cancel(lease: 12, perturbation: 9999),
            .offerAnswer(OfferAnswer(lease: 13, wanted: [1, 2], unneeded: [0])),
            .offerAnswer(OfferAnswer(lease: 0, wanted: [], unneeded: [])),
            .endProcess(reason: "the fit of perturbation 7 takes longer than 1800 s"),
        ] + RefusalCode.allCases.map { .refused(Refusal(code: $0, text: "because")) }

    static func bytes(of message: some WireMessage) throws -> [UInt8] {
        Array(try message.encoded().joined.readableBytesView)
    }

    /// A frame with any header and body.
    static func frame(kind: UInt8, body: [UInt8], length: UInt32? = nil) -> [UInt8] {
        let length = length ?? UInt32(body.count)
        return withUnsafeBytes(of: length.littleEndian) { Array($0) } + [kind] + body
    }
}

/// A decoder to which everything may come.
func openDecoder<Message: WireMessage>(_: Message.Type) -> FrameDecoder<Message> {
    var decoder = FrameDecoder<Message>()
    if let greeting = greeting(of: Message.self) {
        var input = ByteBuffer(bytes: greeting)
        _ = try? decoder.next(from: &input)
    }
    decoder.open()
    return decoder
}

private func greeting<Message: WireMessage>(of _: Message.Type) -> [UInt8]? {
    Message.self == WorkerMessage.self
        ? try? Sample.bytes(of: WorkerMessage.hello(Sample.hello))
        : try? Sample.bytes(of: CoordinatorMessage.welcome(Sample.welcome))
}

/// Everything that a decoder makes of some bytes.
func decodeAll<Message: WireMessage>(
    _ bytes: [UInt8],
    with decoder: inout FrameDecoder<Message>
) throws(WireProtocolError) -> [Message] {
    var input = ByteBuffer(bytes: bytes)
    var messages: [Message] = []
    while let message = try decoder.next(from: &input) {
        messages.append(message)
    }
    return messages
}
