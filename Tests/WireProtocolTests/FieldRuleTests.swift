import NIOCore
import Testing
import WireProtocol

/// Every case is refused by the sender, which applies the receiver's rules.
@Suite struct FieldRuleTests {
    private func field(refusedIn message: some WireMessage) -> String? {
        do throws(WireProtocolError) {
            _ = try message.encoded()
            return nil
        } catch {
            guard case .invalidField(_, let field, _) = error else { return "\(error)" }
            return field
        }
    }

    private static let hellos: [(field: String, change: @Sendable (inout Hello) -> Void)] = [
        ("build", { $0.build = "" }),
        ("build", { $0.build = String(repeating: "b", count: 129) }),
        ("build", { $0.build = "0.1.0\n" }),
        ("host", { $0.host = "" }),
        ("host", { $0.host = "evil\u{1b}[2J" }),
        ("host", { $0.host = "evil\u{202e}" }),
        ("host", { $0.host = String(repeating: "h", count: 256) }),
        ("threads", { $0.threads = 0 }),
        ("threads", { $0.threads = 65_537 }),
        ("memory_bytes", { $0.memoryBytes = 1 << 51 }),
    ]

    @Test(arguments: hellos.indices)
    func helloFieldsAreBounded(_ index: Int) {
        let (name, change) = Self.hellos[index]
        var hello = Sample.hello
        change(&hello)
        #expect(field(refusedIn: WorkerMessage.hello(hello)) == name)
    }

    @Test func aSupervisorNeedsNoThreads() {
        var hello = Sample.hello
        hello.role = .supervisor
        hello.threads = 0
        #expect(field(refusedIn: WorkerMessage.hello(hello)) == nil)
    }

    private static let welcomes: [(field: String, change: @Sendable (inout Welcome) -> Void)] = [
        ("options_json", { $0.optionsJSON = [0xff] }),
        ("options_json", { $0.optionsJSON = [UInt8](repeating: 32, count: 32_769) }),
        ("method", { $0.method = "" }),
        ("gene_count", { $0.geneCount = 0 }),
        ("gene_count", { $0.geneCount = (1 << 24) + 1 }),
        ("row_bytes", { $0.rowBytes = 0 }),
        ("row_bytes", { $0.rowBytes = (1 << 30) + 1 }),
        ("heartbeat_milliseconds", { $0.heartbeatMilliseconds = 0 }),
        ("silence_milliseconds", { $0.silenceMilliseconds = 4999 }),
        ("row_credit_bytes", { $0.rowCreditBytes = $0.rowBytes - 1 }),
        ("resources", { $0.resources.append($0.resources[0]) }),
        ("resource.bytes", { $0.resources[0].bytes = 0 }),
        (
            "resources",
            { welcome in
                welcome.resources = (0...256).map {
                    ResourceDescription(name: "r\($0)", bytes: 1, digest: Sample.digest)
                }
            }
        ),
    ]

    @Test(arguments: welcomes.indices)
    func welcomeFieldsAreBounded(_ index: Int) {
        let (name, change) = Self.welcomes[index]
        var welcome = Sample.welcome
        change(&welcome)
        #expect(field(refusedIn: CoordinatorMessage.welcome(welcome)) == name)
    }

    @Test(arguments: [
        "", "/", "a/", "/a", "a//b", ".", "..", "a/../b", ".a", "a/.b", "a b", "a\\b", "ä",
        String(repeating: "n", count: 65),
    ])
    func resourceNamesThatCouldLeadAstrayAreRefused(_ name: String) {
        let request = ResourceRequest(request: 1, name: name, offset: 0, length: 1)
        #expect(field(refusedIn: WorkerMessage.fetch(request)) == "name")
    }

    @Test(arguments: ["a", "control/tile-0017.v1", "A_b/c/d", String(repeating: "n", count: 64)])
    func ordinaryResourceNamesAreTaken(_ name: String) {
        let request = ResourceRequest(request: 1, name: name, offset: 0, length: 1)
        #expect(field(refusedIn: WorkerMessage.fetch(request)) == nil)
    }

    @Test func requestsAndChunksAreBounded() {
        let long = ResourceRequest(request: 1, name: "a", offset: 0, length: (1 << 20) + 1)
        #expect(field(refusedIn: WorkerMessage.fetch(long)) == "length")
        let empty = ResourceRequest(request: 1, name: "a", offset: 0, length: 0)
        #expect(field(refusedIn: WorkerMessage.fetch(empty)) == "length")
        let far = ResourceRequest(request: 1, name: "a", offset: .max, length: 1)
        #expect(field(refusedIn: WorkerMessage.fetch(far)) == "offset")
        let nothing = ResourceChunk(request: 1, offset: 0, payload: ByteBuffer())
        #expect(
            field(refusedIn: CoordinatorMessage.resourceChunk(nothing)) == "payload length"
        )
        let much = ResourceChunk(
            request: 1,
            offset: 0,
            payload: Sample.payload(ProtocolLimits.chunkPayloadBytes + 1)
        )
        #expect(field(refusedIn: CoordinatorMessage.resourceChunk(much)) == "payload length")
    }

    @Test(arguments: [
        (total: UInt64(100), offset: UInt64(51), length: 50, field: "offset"),
        (total: 100, offset: .max, length: 50, field: "offset"),
        (total: 49, offset: 0, length: 50, field: "payload"),
        (total: 0, offset: 0, length: 50, field: "total_bytes"),
        (total: (1 << 30) + 1, offset: 0, length: 50, field: "total_bytes"),
        (total: 100, offset: 0, length: 0, field: "payload length"),
    ])
    func rowChunksLieWithinTheirRow(
        _ chunk: (total: UInt64, offset: UInt64, length: Int, field: String)
    ) {
        let row = RowChunk(
            lease: 1,
            perturbation: 1,
            totalBytes: chunk.total,
            offset: chunk.offset,
            digest: Sample.digest,
            payload: Sample.payload(chunk.length)
        )
        #expect(field(refusedIn: WorkerMessage.row(row)) == chunk.field)
    }

    @Test func leasesAreBounded() {
        let one = Sample.lease.perturbations[0]
        let refused: [LeaseGrant] = [
            LeaseGrant(lease: 1, solo: false, perturbations: []),
            LeaseGrant(lease: 1, solo: false, perturbations: [one, one]),
            LeaseGrant(lease: 1, solo: true, perturbations: Sample.lease.perturbations),
            LeaseGrant(
                lease: 1,
                solo: false,
                perturbations: (0..<513).map {
                    LeasedPerturbation(index: $0, cells: 1, block: one.block)
                }
            ),
        ]
        for lease in refused {
            #expect(field(refusedIn: CoordinatorMessage.lease(lease)) == "perturbations")
        }
    }

    @Test func partsOfLeasesAndOffersAreBounded() {
        let many = (0..<UInt32(1025)).map { $0 }
        for perturbations in [[], [1, 1], Array(many.prefix(513))] {
            let part = LeasePart(lease: 1, perturbations: perturbations)
            #expect(field(refusedIn: CoordinatorMessage.revoke(part)) == "perturbations")
            #expect(field(refusedIn: WorkerMessage.returned(part)) == "perturbations")
        }
        let twice = [1, 1].map { OfferedRow(perturbation: $0, digest: Sample.digest) }
        #expect(field(refusedIn: WorkerMessage.rowsOffered(twice)) == "rows")
        let tooMany = many.map { OfferedRow(perturbation: $0, digest: nil) }
        #expect(field(refusedIn: WorkerMessage.rowsOffered(tooMany)) == "rows")
        for (wanted, unneeded, name): ([UInt32], [UInt32], String) in [
            (many, [], "wanted"), ([], many, "unneeded"), ([1], [2, 1], "wanted"),
        ] {
            let answer = OfferAnswer(lease: 1, wanted: wanted, unneeded: unneeded)
            #expect(field(refusedIn: CoordinatorMessage.offerAnswer(answer)) == name)
        }
    }

    @Test func newMessagesNameTheVersionThatBroughtThem() {
        let part = LeasePart(lease: 1, perturbations: [1])
        #expect(WorkerMessage.returned(part).firstMinor == 1)
        #expect(WorkerMessage.goodbye(reason: "").firstMinor == 0)
        #expect(CoordinatorMessage.endProcess(reason: "").firstMinor == 1)
        #expect(CoordinatorMessage.finish(reason: "").firstMinor == 0)
        #expect(ProtocolVersion.minor >= 1)
    }

    @Test func listsAndStatusesAreBounded() {
        let durable = [UInt32](repeating: 1, count: 8193)
        #expect(
            field(
                refusedIn: CoordinatorMessage.rowsDurable(perturbations: durable, creditBytes: 0)
            ) == "perturbations"
        )
        #expect(
            field(
                refusedIn: CoordinatorMessage.rowsDurable(perturbations: [], creditBytes: .max)
            ) == "credit_bytes"
        )
        let heartbeat = WorkerHeartbeat(
            finishedPerturbations: 0,
            runningPerturbations: [UInt32](repeating: 1, count: 4097),
            residentBytes: 0
        )
        #expect(
            field(refusedIn: WorkerMessage.heartbeat(heartbeat)) == "running_perturbations"
        )
        for (status, name) in [
            (ChildStatus.exited(code: 256), "exit_code"), (.signalled(number: 0), "signal"),
            (.signalled(number: 65), "signal"),
        ] {
            let exit = ChildExit(workerID: Sample.worker, description: "", status: status)
            #expect(field(refusedIn: WorkerMessage.childExited(exit)) == name)
        }
    }

    /// Bodies that no honest sender makes: the field and the bytes.
    @Test(arguments: [
        (
            "hello.worker_id",
            [0x0a, 15, 0x08, 1, 0x1a, 1, 0x62, 0x20, 1, 0x2a, 2, 9, 9, 0x3a, 1, 0x68, 0x48]
        ),
        ("hello.role", [0x0a, 7, 0x08, 1, 0x1a, 1, 0x62, 0x20, 7]),
        ("child_exited.status", [0x3a, 2, 0x12, 0]),
        ("goodbye.reason", [0x32, 3, 0x0a, 1, 0x07]),
        ("rows_offered.digest", [0x4a, 7, 0x0a, 5, 0x08, 1, 0x12, 1, 9]),
        ("returned.perturbations", [0x42, 2, 0x08, 1]),
    ])
    func receiversRefuseWhatSendersWould(_ name: String, _ body: [UInt8]) throws {
        var body = body
        if name == "hello.worker_id" {
            body.append(1)
            body[1] = UInt8(body.count - 2)
        }
        var decoder = name.hasPrefix("hello") ? FrameDecoder() : openDecoder(WorkerMessage.self)
        let error = #expect(throws: WireProtocolError.self) {
            try decodeAll(Sample.frame(kind: 1, body: body), with: &decoder)
        }
        #expect(error?.description.hasPrefix(name) == true, "\(String(describing: error))")
    }

    @Test func textThatIsNotUnicodeIsRefused() {
        var decoder = openDecoder(WorkerMessage.self)
        #expect(throws: WireProtocolError.malformedControl(reason: "invalidUTF8")) {
            try decodeAll(
                Sample.frame(kind: 1, body: [0x32, 4, 0x0a, 2, 0xc3, 0x28]),
                with: &decoder
            )
        }
    }
}
