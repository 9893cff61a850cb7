import Digests
import Foundation
import RunFiles
import Testing

@Suite("Resources in the run directory")
struct ResourceFileTests {
    private let sample: SampleRun
    private static let big = (0..<5_000_001).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

    init() throws { sample = try SampleRun() }

    private func write(runID: String = "aa") throws -> String {
        let writer = try ResourceFileWriter(directory: sample.directory, runID: runID)
        try writer.add("first", [1, 2, 3])
        try writer.add("empty", [])
        try writer.add("big", byteCount: Self.big.count, digest: Digest128(high: 1, low: 2)) {
            Array(Self.big[$0])
        }
        return try writer.finish()
    }

    private func path(_ name: String) -> String { sample.directory + "/" + name }

    private func failure(_ body: () throws(RunFilesError) -> Void) -> RunFilesError? {
        do throws(RunFilesError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    @Test("come back under their names")
    func roundTrip() throws {
        let index = try write()
        let resources = try ResourceDirectory(sample.directory, runID: "aa")
        #expect(resources.indexDigest == index)
        #expect(try resources.read("first") == [1, 2, 3])
        #expect(try resources.read("empty") == [])
        #expect(try resources.read("big", announced: Digest128(high: 1, low: 2)) == Self.big)
        #expect(resources.byteCount(of: "big") == Self.big.count)
        #expect(resources.digest(of: "big") == Digest128(high: 1, low: 2))
        #expect(resources.digest(of: "none") == nil)
    }

    @Test("are refused when they are missing, another run's or not what was announced")
    func refused() throws {
        if case .missing = failure({ () throws(RunFilesError) in
            _ = try ResourceDirectory(sample.directory, runID: "aa")
        }) {
        } else {
            Issue.record("nothing was there")
        }
        _ = try write()
        #expect(
            failure { () throws(RunFilesError) in
                _ = try ResourceDirectory(sample.directory, runID: "ab")
            } == .otherRun(path: path(ResourceIndex.fileName))
        )
        let resources = try ResourceDirectory(sample.directory, runID: "aa")
        #expect(
            failure { () throws(RunFilesError) in
                _ = try resources.read("first", announced: Digest128(high: 1, low: 2))
            } == .otherRun(path: path(ResourceIndex.dataName))
        )
        #expect(failure { () throws(RunFilesError) in _ = try resources.read("second") } != nil)
    }

    @Test("a flipped byte is noticed, in the bytes and in the index")
    func damage() throws {
        _ = try write()
        let data = path(ResourceIndex.dataName)
        var bytes = try sample.bytes(data)
        for place in [0, 2, 3, 1_000_000, bytes.count - 1] {
            bytes[place] ^= 4
            try sample.replace(data, bytes)
            let resources = try ResourceDirectory(sample.directory, runID: "aa")
            let name = place < 3 ? "first" : "big"
            #expect(failure { () throws(RunFilesError) in _ = try resources.read(name) } != nil)
            bytes[place] ^= 4
        }
        try sample.replace(data, Array(bytes.dropLast()))
        #expect(
            failure { () throws(RunFilesError) in
                _ = try ResourceDirectory(sample.directory, runID: "aa")
            } != nil
        )
        try sample.replace(data, bytes)
        let index = path(ResourceIndex.fileName)
        let text = try sample.bytes(index)
        for place in text.indices {
            var damaged = text
            damaged[place] ^= 1
            try sample.replace(index, damaged)
            let opened = try? ResourceDirectory(sample.directory, runID: "aa")
            // A name's letter case or the like cannot pass: everything is under the digest.
            #expect(opened == nil || opened?.byteCount(of: "first") == 3, "byte \(place)")
            if opened != nil { #expect(try opened?.read("first") == [1, 2, 3]) }
        }
    }

    @Test("the document of a prepared run is whole or refused, and names its resources")
    func prepared() throws {
        sample.run.runID = "aa"
        sample.run.resources = try write()
        try sample.run.write(sample.directory)
        let run = try PreparedRun.read(sample.directory)
        #expect(run == sample.run)
        #expect(try run.openResources(sample.directory).read("first") == [1, 2, 3])
        let file = path(PreparedRun.fileName)
        let text = try sample.bytes(file)
        for place in text.indices {
            var damaged = text
            damaged[place] ^= 1
            try sample.replace(file, damaged)
            let read = try? PreparedRun.read(sample.directory)
            #expect(read == nil || read == sample.run, "byte \(place)")
        }
        try sample.replace(file, text)
        // Other resources of a run of the same name are not the ones.
        let writer = try ResourceFileWriter(directory: sample.directory, runID: "aa")
        try writer.add("first", [9])
        _ = try writer.finish()
        #expect(
            failure { () throws(RunFilesError) in
                _ = try run.openResources(sample.directory)
            } == .otherRun(path: sample.directory)
        )
    }
}
