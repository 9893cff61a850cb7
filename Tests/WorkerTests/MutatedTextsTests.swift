import DifferentialExpression
import Digests
import Foundation
import TestSupport
import Testing
import WireProtocol
import Worker

/// Damaged texts and bytes that a worker is given: taken or refused, never a trap.
@Suite("Damaged texts")
struct MutatedTextsTests {
    private let words = ["{", "}", "[", "]", "\"", ":", ",", "null", "-1", "1e999", "\\u0000"]

    @Test("where the coordinator listens")
    func endpoint() {
        let samples = [
            "{\"runID\":\"000102030405060708090a0b0c0d0e0f\",\"hosts\":[\"10.0.0.1\",\"::1\"],"
                + "\"port\":7400}",
            "{\"port\":1,\"hosts\":[\"a\"],\"runID\":\"\"}",
        ].map { Array($0.utf8) }
        var mutator = Mutator(seed: FuzzInputs.seed, words: words)
        var read = 0
        for _ in 0..<FuzzInputs.count() {
            let bytes = mutator.next(from: samples)
            guard let endpoint = CoordinatorEndpoint(Data(bytes)) else { continue }
            read += 1
            #expect(!endpoint.addresses.isEmpty)
            #expect(endpoint.addresses.allSatisfy { (1...65535).contains($0.port) })
        }
        #expect(read > 0 && read < FuzzInputs.count())
    }

    @Test("addresses on the command line")
    func targets() {
        let samples = ["fd:3", "@run", "node0:7400,[::1]:80,a", "10.0.0.1:65535"].map {
            Array($0.utf8)
        }
        var mutator = Mutator(seed: FuzzInputs.seed &+ 1, words: ["fd:", "[", "]", ":", ",", "0"])
        for _ in 0..<FuzzInputs.count() {
            let text = String(decoding: mutator.next(from: samples), as: UTF8.self)
            guard case .addresses(let addresses) = WorkerTarget(text) else { continue }
            #expect(addresses.allSatisfy { (1...65535).contains($0.port) && !$0.host.isEmpty })
        }
    }

    @Test("options in a welcome, with a digest that is right")
    func options() throws {
        let options = AnalysisOptions(perturbationColumn: "gene", controlLabel: "ctrl")
        let sample = Array(try JSONEncoder().encode(options))
        var mutator = Mutator(seed: FuzzInputs.seed &+ 2, words: words)
        var read = 0
        for _ in 0..<FuzzInputs.count() {
            let json = mutator.next(from: [sample], mostBytes: 32_000)
            let digest = json.withUnsafeBytes { Digest128(of: $0) }
            let rowBytes = UInt64(RowSchema.nbGLM.rowByteCount(geneCount: 6))
            let welcome = Welcome(
                runID: Bytes16(high: 1, low: 2),
                inputFingerprint: Bytes16(high: 3, low: 4),
                optionsDigest: Bytes16(high: digest.high, low: digest.low),
                optionsJSON: json,
                rowSchemaVersion: RowSchema.nbGLM.version,
                method: "nb_glm",
                geneCount: 6,
                rowBytes: rowBytes,
                heartbeatMilliseconds: 1000,
                silenceMilliseconds: 10_000,
                rowCreditBytes: rowBytes,
                resources: []
            )
            if (try? RunTerms(welcome)) != nil { read += 1 }
        }
        #expect(read > 0 && read < FuzzInputs.count())
    }

    @Test("a block with inputs behind it")
    func orders() {
        let inputs = (0..<32).map { UInt8($0) }
        let whole = [5, 6, 7] + inputs + inputs.withUnsafeBytes { Digest128(of: $0).bytes }
        var mutator = Mutator(seed: FuzzInputs.seed &+ 3)
        for _ in 0..<FuzzInputs.count() {
            let bytes = mutator.next(from: [whole])
            let order = FitOrder(
                perturbation: 1,
                bytes: bytes,
                digest: Digest128(high: 1, low: 2),
                inputBytes: 32
            )
            if let order { #expect(order.inputs.count == 32) }
        }
    }
}
