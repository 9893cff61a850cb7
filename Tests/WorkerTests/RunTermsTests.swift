import DifferentialExpression
import Digests
import Foundation
import Statistics
import Testing
import WireProtocol
import Worker

@Suite("What a worker understands of a welcome")
struct RunTermsTests {
    private static let geneCount = 6

    private static var options: AnalysisOptions {
        var options = AnalysisOptions(perturbationColumn: "gene", controlLabel: "ctrl")
        options.minimumMean = 0.125
        options.correction = .bonferroni
        options.filter.minimumCellsExpressed = 3
        return options
    }

    private func welcome(json: [UInt8]? = nil) throws -> Welcome {
        let json = try json ?? Array(JSONEncoder().encode(Self.options))
        let digest = json.withUnsafeBytes { Digest128(of: $0) }
        let schema = RowSchema.nbGLM
        let rowBytes = UInt64(schema.rowByteCount(geneCount: Self.geneCount))
        return Welcome(
            runID: Bytes16(high: 1, low: 2),
            inputFingerprint: Bytes16(high: 3, low: 4),
            optionsDigest: Bytes16(high: digest.high, low: digest.low),
            optionsJSON: json,
            rowSchemaVersion: schema.version,
            method: "nb_glm",
            geneCount: UInt32(Self.geneCount),
            rowBytes: rowBytes,
            heartbeatMilliseconds: 1000,
            silenceMilliseconds: 10_000,
            rowCreditBytes: rowBytes,
            resources: []
        )
    }

    private func whyRefused(_ welcome: Welcome) -> String? {
        do throws(WorkerFailure) {
            _ = try RunTerms(welcome)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("options, genes and row length come from the welcome")
    func understood() throws {
        let terms = try RunTerms(welcome())
        #expect(terms.options == Self.options)
        #expect(terms.geneCount == Self.geneCount)
        #expect(terms.rowBytes == RowSchema.nbGLM.rowByteCount(geneCount: Self.geneCount))
    }

    @Test("options that are not what their digest says are refused")
    func digest() throws {
        var welcome = try self.welcome()
        welcome.optionsJSON.append(UInt8(ascii: " "))
        #expect(whyRefused(welcome) == "the options and their digest differ")
        welcome = try self.welcome()
        let digest = welcome.optionsDigest
        for other in [
            Bytes16(high: digest.high ^ 1, low: digest.low),
            Bytes16(high: digest.high, low: digest.low ^ 1),
        ] {
            welcome.optionsDigest = other
            #expect(whyRefused(welcome) == "the options and their digest differ")
        }
    }

    @Test("options of another build are refused", arguments: ["", "{}", "[1]", "nonsense"])
    func options(json: String) throws {
        let refusal = try #require(whyRefused(welcome(json: Array(json.utf8))))
        #expect(refusal.contains("cannot be understood") && refusal.contains("same build"))
    }

    @Test("another layout of rows is refused", arguments: [0, 2, UInt32.max])
    func schema(version: UInt32) throws {
        var welcome = try self.welcome()
        welcome.rowSchemaVersion = version
        let refusal = try #require(whyRefused(welcome))
        #expect(refusal.contains("layout \(version)") && refusal.contains("same build"))
    }

    @Test("rows of another length are refused")
    func rowBytes() throws {
        let here = RowSchema.nbGLM.rowByteCount(geneCount: Self.geneCount)
        for there in [UInt64(here) - 1, UInt64(here) + 1, 0, .max] {
            var welcome = try self.welcome()
            welcome.rowBytes = there
            #expect(whyRefused(welcome) == "a row has \(here) bytes here and \(there) there")
        }
        var fewer = try welcome()
        fewer.geneCount -= 1
        #expect(whyRefused(fewer)?.contains("and \(here) there") == true)
    }

    @Test("common resources that are damaged or of another screen are refused")
    func resources() throws {
        let terms = try RunTerms(welcome())
        func refused(_ cache: [UInt8], _ sizeFactors: [UInt8]?) -> Bool {
            var resources = ["control-cache": cache]
            resources["size-factors"] = sizeFactors
            let factory = FitFactory(
                terms: terms,
                limits: FitLimits(threads: 1, memoryBytes: 1 << 20),
                resources: resources
            )
            do throws(WorkerFailure) {
                _ = try factory.make(delegate: Self.silent)
                return false
            } catch {
                return true
            }
        }
        let factors = [UInt8](repeating: 0, count: 24)
        let whole = cache(genes: Self.geneCount)
        #expect(!refused(whole, factors))
        #expect(refused(cache(genes: Self.geneCount + 1), factors))
        #expect(refused(Array(whole.dropLast()), factors))
        #expect(refused([], factors))
        #expect(refused(whole, Array(factors.dropLast())))
        #expect(refused(whole, nil))
    }

    @Test("pieces of another screen and covariates that cannot be read are refused")
    func pieces() throws {
        var options = Self.options
        options.freezeControl = false
        let pieces = ControlPieces(
            tiles: [
                .init(
                    genes: 0..<Self.geneCount,
                    nonzeroCount: 1,
                    byteCount: 1,
                    digest: Digest128(high: 0, low: 0)
                )
            ],
            cellRuns: []
        ).encoded()
        func made(_ options: AnalysisOptions, _ more: [String: [UInt8]]) throws -> Fitting? {
            let json = try Array(JSONEncoder().encode(options))
            var welcome = try self.welcome(json: json)
            welcome.rowSchemaVersion = options.rowSchema.version
            welcome.rowBytes = UInt64(options.rowSchema.rowByteCount(geneCount: Self.geneCount))
            var resources = [
                "control-cache": cache(genes: Self.geneCount),
                "size-factors": [UInt8](repeating: 0, count: 24),
            ]
            resources.merge(more) { $1 }
            let factory = FitFactory(
                terms: try RunTerms(welcome),
                limits: FitLimits(threads: 2, memoryBytes: 1 << 20),
                resources: resources
            )
            return try? factory.make(delegate: Self.silent)
        }
        guard case .together(_, let atOnce) = try made(options, ["control-pieces": pieces]) else {
            Issue.record("fits share the control")
            return
        }
        #expect(atOnce == 2)
        #expect(try made(options, [:]) == nil)
        #expect(try made(options, ["control-pieces": Array(pieces.dropLast())]) == nil)
        options.useControlCache = false
        let noCovariates = CovariateTable(cellCount: 3).encoded()
        #expect(
            try made(options, ["control-pieces": pieces, "covariates": noCovariates]) != nil
        )
        #expect(try made(options, ["control-pieces": pieces, "covariates": [1, 2]]) == nil)
    }

    /// A delegate of fits that never happen.
    private static var silent: ControlledFitsDelegate {
        ControlledFitsDelegate(fetch: { _ in }, ended: { _, _ in }, damaged: { _ in })
    }

    /// A cache of made-up values.
    private func cache(genes: Int) -> [UInt8] {
        let values = [Double](repeating: 0.5, count: genes)
        var cache = ControlCache(geneCount: genes)
        cache.controlCells = 9
        cache[.intercept] = values
        cache[.controlDispersion] = values
        cache[.controlWeight] = values
        cache[.controlMean] = values
        cache[.dispersion] = values
        cache[.dispersionTrend] = values
        cache[.controlExpressing] = [Double](repeating: 4, count: genes)
        return cache.encoded()
    }
}
