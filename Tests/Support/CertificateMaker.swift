import Foundation

/// Certificates for tests, made by the `openssl` command in a folder.
package struct CertificateMaker {
    /// Why none could be made.
    package struct Failure: Error, CustomStringConvertible {
        /// What `openssl` said.
        package let description: String
    }

    private let folder: String

    /// Makes certificates in a folder that is there.
    package init(folder: String) { self.folder = folder }

    /// Path of the certificate of a name.
    package func certificate(_ name: String) -> String { "\(folder)/\(name).pem" }

    /// Path of the key of a name.
    package func key(_ name: String) -> String { "\(folder)/\(name).key" }

    /// Makes an authority.
    package func makeAuthority(_ name: String) throws {
        try run(
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key(name), "-out", certificate(name), "-days", "2", "-subj",
                "/CN=\(name)",
            ]
        )
    }

    /// Makes a certificate of an authority, valid for two days.
    ///
    /// - Parameters:
    ///   - name: Whose it is.
    ///   - authority: Who signs it.
    /// - Throws: ``Failure`` with what `openssl` said.
    package func make(_ name: String, by authority: String) throws {
        try run(
            [
                "x509", "-req", "-in", try request(name), "-CA", certificate(authority), "-CAkey",
                key(authority), "-CAcreateserial", "-days", "2", "-out", certificate(name),
            ]
        )
    }

    /// A moment at which a certificate of ``makeExpired(_:by:)`` was valid, seconds since 1970.
    package static let earlier = 1_579_000_000

    /// Makes a certificate of an authority that was valid in January 2020.
    ///
    /// - Throws: ``Failure`` with what `openssl` said.
    package func makeExpired(_ name: String, by authority: String) throws {
        let settings = """
            [ca]
            default_ca = it
            [it]
            database = \(folder)/index
            new_certs_dir = \(folder)
            rand_serial = yes
            default_md = sha256
            policy = any
            [any]
            commonName = supplied

            """
        try Data(settings.utf8).write(to: URL(filePath: "\(folder)/ca.cnf"))
        try Data().write(to: URL(filePath: "\(folder)/index"))
        try run(
            [
                "ca", "-batch", "-notext", "-config", "\(folder)/ca.cnf", "-cert",
                certificate(authority), "-keyfile", key(authority), "-in", try request(name),
                "-out", certificate(name), "-startdate", "20200101000000Z", "-enddate",
                "20200201000000Z",
            ]
        )
    }

    /// Makes a key and a request for a certificate, whose path it gives.
    private func request(_ name: String) throws -> String {
        let path = "\(folder)/\(name).csr"
        try run(
            [
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                key(name), "-out", path, "-subj", "/CN=\(name)",
            ]
        )
        return path
    }

    /// Runs `openssl`.
    ///
    /// - Throws: ``Failure`` with what it said.
    package func run(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let text = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: String(decoding: text, as: UTF8.self))
        }
    }
}
